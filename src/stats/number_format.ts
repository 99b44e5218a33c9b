/** Numbers as the formatters of Envoy's admin output print them, which is not always as JavaScript does. */

/** C's `%.<precision>g`: that many significant digits, trailing zeros cut, an exponent outside 1e-4 .. 10^precision. */
export function formatGeneral(value: number, precision: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return '0'
  const [digits, exponent] = roundedParts(value, precision)
  return exponent < -4 || exponent >= precision ? withExponent(digits, exponent) : fixedPoint(digits, exponent)
}

/** The fewest digits that read back as the same number, with an exponent outside 1e-4 .. 1e16. */
export function formatShortest(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return '0'
  const [digits, exponent] = scientificParts(value.toExponential())
  return exponent < -4 || exponent >= 16 ? withExponent(digits, exponent) : fixedPoint(digits, exponent)
}

/** The fewest digits, in whichever of fixed and exponent form is shorter (300000 is `3e+05`); JSON has no NaN: `null`. */
export function formatJsonDouble(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  if (value === 0) return '0'
  const [digits, exponent] = scientificParts(value.toExponential())
  const fixed = fixedPoint(digits, exponent)
  const scientific = withExponent(digits, exponent)
  return scientific.length < fixed.length ? scientific : fixed
}

/** A counter or gauge: Envoy keeps unsigned integers. */
export function formatInteger(value: number): string {
  // The largest of 64 bits is that number here.
  if (value === 2 ** 64) return '18446744073709551615'
  return Number.isSafeInteger(value) ? String(value) : BigInt(Math.trunc(value)).toString()
}

/** Digits and exponent of a value rounded as C rounds: from the exact value, and a tie to the even digit. */
function roundedParts(value: number, precision: number): [digits: string, exponent: number] {
  const shortest = scientificParts(value.toExponential())
  const isExact = precision <= 15 || Number.isSafeInteger(value)
  if (isExact && splitSign(shortest[0])[1].length <= precision) return shortest
  const rounded = scientificParts(value.toExponential(precision - 1))
  // JavaScript rounds a tie up. A tie has one digit more than asked for: a hundred show it in full.
  const exact = value.toExponential(100)
  const [sign, digits] = splitSign(exact.slice(0, exact.indexOf('e')).replace('.', ''))
  const isTie = digits[precision] === '5' && /^0*$/.test(digits.slice(precision + 1))
  if (!isTie || Number(digits[precision - 1]) % 2 === 1) return rounded
  return [sign + digits.slice(0, precision).replace(/0+$/, ''), Number(exact.slice(exact.indexOf('e') + 1))]
}

/** `1.2340e+5` as its digits without point and trailing zeros ('-' kept in front), and its exponent. */
function scientificParts(text: string): [digits: string, exponent: number] {
  const [mantissa, exponent] = text.split('e')
  return [mantissa.replace('.', '').replace(/0+$/, ''), Number(exponent)]
}

function splitSign(digits: string): [sign: string, digits: string] {
  return digits.startsWith('-') ? ['-', digits.slice(1)] : ['', digits]
}

function withExponent(signed: string, exponent: number): string {
  const [sign, digits] = splitSign(signed)
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`
  return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function fixedPoint(signed: string, exponent: number): string {
  const [sign, digits] = splitSign(signed)
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0')
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}
