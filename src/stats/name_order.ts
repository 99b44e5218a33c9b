/** The two orders in which Envoy lists stats by name. */

const DOT = 46

/** Order of code units, as Envoy orders bytes. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Order of Envoy's symbolised names, token by token: a shorter token goes before any longer one that it begins. */
export function compareTokens(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (left === right) continue
    if (left === DOT) return -1
    if (right === DOT) return 1
    return left - right
  }
  return a.length - b.length
}
