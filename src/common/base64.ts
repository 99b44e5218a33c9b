// Base64 as Envoy reads it: padded, and nothing beside it.

const wellFormed = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Undefined where the text is no base64 (RFC 4648, section 4), or its spare bits are not 0. */
export function decodeBase64(text: string): Buffer | undefined {
  if (!wellFormed.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
