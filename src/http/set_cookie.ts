// The `set-cookie` of what the proxy itself remembers of a client.

export interface CookieAttributes {
  /** Seconds; undefined for a cookie that ends with the client's session. */
  readonly maxAge: number | undefined
  /** '' for none. */
  readonly path: string
  readonly attributes: readonly { readonly name: string; readonly value: string }[]
}

/** `name="value"; Max-Age=1; Path=/; a=b; HttpOnly` */
export function setCookie(name: string, value: string, { maxAge, path, attributes }: CookieAttributes): string {
  const age = maxAge === undefined ? '' : `; Max-Age=${maxAge}`
  const where = path === '' ? '' : `; Path=${path}`
  const others = attributes.map((each) => (each.value === '' ? `; ${each.name}` : `; ${each.name}=${each.value}`))
  return `${name}="${value}"${age}${where}${others.join('')}; HttpOnly`
}
