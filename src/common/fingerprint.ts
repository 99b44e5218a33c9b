// Tells whether two pieces of the configuration say the same.

import { createHash } from 'node:crypto'

/** Equal for views of the same content, however they were written; 32 hexadecimal digits. */
export function fingerprint(view: unknown): string {
  return createHash('sha256').update(JSON.stringify(view, plain)).digest('hex').slice(0, 32)
}

/** JSON has no bytes: they would become an object of digits, at great length. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `bytes:${Buffer.from(value).toString('base64')}` : value
}
