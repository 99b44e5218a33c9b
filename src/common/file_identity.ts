// Tells whether a file is still the one that was read.

import { statSync } from 'node:fs'

/** Another text for every file that was put in the place of `path`, and for one that was written to; '' where there is none. */
export function fileIdentity(path: string): string {
  try {
    const { dev, ino, mtimeNs, size } = statSync(path, { bigint: true })
    return `${dev}:${ino}:${mtimeNs}:${size}`
  } catch {
    return ''
  }
}
