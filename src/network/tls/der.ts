// Reads DER, the encoding of certificates (X.690), as far as the fields that Node's X509Certificate does not give.

/** Bytes that are no DER. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

/** One element in its buffer: `start` to `end` with its header, `content` to `end` without. */
export interface DerNode {
  readonly data: Buffer
  readonly tag: number
  readonly start: number
  readonly content: number
  readonly end: number
}

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
} as const

/** The element at an offset. Throws DerError where it does not lie within `limit`. */
export function readDer(data: Buffer, offset = 0, limit = data.length): DerNode {
  if (offset + 2 > limit) throw new DerError('truncated element')
  const tag = data[offset]
  if ((tag & 0x1f) === 0x1f) throw new DerError('tag of several bytes')
  const first = data[offset + 1]
  let length = first
  let content = offset + 2
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 4 || content + count > limit) throw new DerError('length of no use')
    length = data.readUIntBE(content, count)
    content += count
  }
  if (content + length > limit) throw new DerError('truncated element')
  return { data, tag, start: offset, content, end: content + length }
}

/** What a constructed element consists of. */
export function derChildren(node: DerNode): DerNode[] {
  const children: DerNode[] = []
  for (let offset = node.content; offset < node.end; ) {
    const child = readDer(node.data, offset, node.end)
    children.push(child)
    offset = child.end
  }
  return children
}

/** The element inside an explicit tag, an OCTET STRING, or the first of a SEQUENCE. */
export function derInner(node: DerNode): DerNode {
  return readDer(node.data, node.content, node.end)
}

export function derContent(node: DerNode): Buffer {
  return node.data.subarray(node.content, node.end)
}

/** The element with its header. */
export function derBytes(node: DerNode): Buffer {
  return node.data.subarray(node.start, node.end)
}

/** `2.5.4.3` */
export function derOid(node: DerNode): string {
  const bytes = derContent(node)
  const arcs: bigint[] = []
  let value = 0n
  for (const byte of bytes) {
    value = (value << 7n) | BigInt(byte & 0x7f)
    if (byte >= 0x80) continue
    arcs.push(value)
    value = 0n
  }
  const [first = 0n, ...rest] = arcs
  const top = first < 40n ? 0n : first < 80n ? 1n : 2n
  return [top, first - top * 40n, ...rest].join('.')
}

/** Text of a string type as Unicode; undefined for what is none. */
export function derText(node: DerNode): string | undefined {
  const bytes = derContent(node)
  switch (node.tag) {
    case derTag.utf8String:
      return bytes.toString('utf8')
    case derTag.printableString:
    case derTag.ia5String:
    case derTag.t61String:
    case 0x12: // NumericString
    case 0x1a: // VisibleString
      return bytes.toString('latin1')
    case derTag.bmpString:
      return bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString('utf16le') : undefined
    case derTag.universalString: {
      let text = ''
      for (let i = 0; i + 4 <= bytes.length; i += 4) text += String.fromCodePoint(bytes.readUInt32BE(i))
      return text
    }
    default:
      return undefined
  }
}

/** UTCTime or GeneralizedTime in milliseconds since the epoch; NaN where it is neither. */
export function derTime(node: DerNode): number {
  const text = derContent(node).toString('latin1')
  const match = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
  if (match === null) return Number.NaN
  const [, yearText, month, day, hour, minute, second] = match
  const short = Number(yearText)
  const year = yearText.length === 4 ? short : short < 50 ? 2000 + short : 1900 + short
  return Date.UTC(year, Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
}
