// Every TLS context that is in use, for the admin interface and for the statistics of expiry.

import { wallMs } from '../../common/clock.ts'
import type { LoadedTlsContext } from './tls_context.ts'

const dayMs = 24 * 60 * 60 * 1000
/** What Envoy tells where nothing expires. */
const never = 2 ** 32 - 1

export class LoadedContexts {
  readonly #sources = new Set<{ readonly loaded: LoadedTlsContext | undefined }>()

  /** `source.loaded` is read whenever somebody asks, as it changes with the certificates, until the returned call. */
  add(source: { readonly loaded: LoadedTlsContext | undefined }): () => void {
    this.#sources.add(source)
    return () => this.#sources.delete(source)
  }

  all(): LoadedTlsContext[] {
    return [...this.#sources].flatMap(({ loaded }) => loaded ?? [])
  }

  /** Of trusted certificates too. */
  daysUntilFirstCertExpiring(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { certificates, validator } of this.all()) {
      for (const { leaf } of certificates) first = Math.min(first, leaf.validToMs)
      for (const trusted of validator.trusted.certificates) first = Math.min(first, trusted.validToMs)
    }
    return first === Number.POSITIVE_INFINITY ? never : daysUntil(first)
  }

  /** 0 where there is none. */
  secondsUntilFirstOcspResponseExpiring(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { certificates } of this.all()) {
      for (const { ocspResponse } of certificates) first = Math.min(first, ocspResponse?.validToMs ?? first)
    }
    return first === Number.POSITIVE_INFINITY ? 0 : Math.max(0, Math.floor((first - wallMs()) / 1000))
  }
}

/** Whole days, 0 for what has expired. Certificates know no fractions of a second. */
export function daysUntil(timeMs: number): number {
  const nowMs = Math.floor(wallMs() / 1000) * 1000
  return Math.max(0, Math.floor((timeMs - nowMs) / dayMs))
}
