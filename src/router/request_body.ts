// What a router keeps of a request, so that it can be sent again.

import type { HeaderMap } from '../common/header_map.ts'
import type { LocalReply } from '../http/http_filter.ts'
import type { UpstreamRequest } from './upstream_request.ts'

/** The body and trailers so far. Over the limit the copy is given up, and with it the retries. */
export class RequestBody {
  readonly #limitBytes: number
  #parts: Buffer[] = []
  #bytes = 0
  #trailers: HeaderMap | undefined = undefined
  #ended = false
  abandoned = false

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get isEmpty(): boolean {
    return this.#bytes === 0 && this.#trailers === undefined
  }

  /** False where it goes over the limit with this. */
  add(data: Buffer, endStream: boolean): boolean {
    this.#ended = endStream
    if (this.abandoned || data.length === 0) return true
    this.#parts.push(data)
    this.#bytes += data.length
    if (this.#bytes <= this.#limitBytes) return true
    this.abandoned = true
    this.#parts = []
    return false
  }

  addTrailers(trailers: HeaderMap): void {
    this.#trailers = trailers
    this.#ended = true
  }

  /** The body alone, for a request that starts over; undefined for none. */
  take(): Buffer | undefined {
    return this.#bytes === 0 ? undefined : Buffer.concat(this.#parts)
  }

  /** Sends all of it along a new attempt, whose head did not end the request. */
  replayTo(attempt: UpstreamRequest): void {
    const last = this.#parts.length - 1
    const endsWithData = this.#ended && this.#trailers === undefined
    for (let i = 0; i <= last; i++) attempt.encodeData(this.#parts[i], endsWithData && i === last)
    if (this.#trailers !== undefined) attempt.encodeTrailers(this.#trailers)
    else if (endsWithData && last < 0) attempt.encodeData(Buffer.alloc(0), true)
  }
}

/** The body is over the limit, and no attempt is there to take it: the next one waits for its time. */
export const exceededBufferLimit: LocalReply = {
  status: 507,
  body: 'exceeded request buffer limit while retrying upstream',
  details: 'request_payload_exceeded_retry_buffer_limit',
}
