// The static table of RFC 7541 Appendix A.

/** Names and values from index 1 on; a name alone has an empty value. */
const fields: readonly (readonly [name: string, value?: string])[] = [
  [':authority'],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset'],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language'],
  ['accept-ranges'],
  ['accept'],
  ['access-control-allow-origin'],
  ['age'],
  ['allow'],
  ['authorization'],
  ['cache-control'],
  ['content-disposition'],
  ['content-encoding'],
  ['content-language'],
  ['content-length'],
  ['content-location'],
  ['content-range'],
  ['content-type'],
  ['cookie'],
  ['date'],
  ['etag'],
  ['expect'],
  ['expires'],
  ['from'],
  ['host'],
  ['if-match'],
  ['if-modified-since'],
  ['if-none-match'],
  ['if-range'],
  ['if-unmodified-since'],
  ['last-modified'],
  ['link'],
  ['location'],
  ['max-forwards'],
  ['proxy-authenticate'],
  ['proxy-authorization'],
  ['range'],
  ['referer'],
  ['refresh'],
  ['retry-after'],
  ['server'],
  ['set-cookie'],
  ['strict-transport-security'],
  ['transfer-encoding'],
  ['user-agent'],
  ['vary'],
  ['via'],
  ['www-authenticate'],
]

/** The dynamic table's indices begin behind it. */
export const staticTableLength = fields.length

/** By index; there is no index 0. */
export const staticNames: readonly string[] = ['', ...fields.map(([name]) => name)]
export const staticValues: readonly string[] = ['', ...fields.map(([, value]) => value ?? '')]

export interface StaticName {
  /** The first index with this name. */
  readonly index: number
  /** So many indices follow each other with this name. */
  readonly count: number
}

export const staticNameIndex: ReadonlyMap<string, StaticName> = new Map(
  fields.map(([name]) => [
    name,
    { index: staticNames.indexOf(name), count: fields.filter(([other]) => other === name).length },
  ]),
)
