// Which HTTP version a connection speaks: as configured, as agreed on by ALPN, or by its first bytes.

export type CodecType = 'AUTO' | 'HTTP1' | 'HTTP2'

/** How every HTTP/2 connection begins (RFC 9113 3.4); the rest of the preface is the codec's to check. */
const prefaceStart = Buffer.from('PRI * HTTP/2')

/** `nextProtocol`: what ALPN has chosen, '' without it. `data`: what has come first. */
export function speaksHttp2(type: CodecType, nextProtocol: string, data: Buffer): boolean {
  if (type !== 'AUTO') return type === 'HTTP2'
  if (nextProtocol !== '') return nextProtocol === 'h2'
  return data.length >= prefaceStart.length && prefaceStart.compare(data, 0, prefaceStart.length) === 0
}
