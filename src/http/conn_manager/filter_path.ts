// One direction of a stream's HTTP filter chain: the only loop over HTTP filters, for requests and responses alike.

import type { HeaderMap } from '../../common/header_map.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamEncoderFilter,
} from '../http_filter.ts'

/** How the filters of one direction are called: decode for requests, encode for responses. */
export interface PathCalls<F> {
  headers(filter: F, headers: HeaderMap, endStream: boolean): FilterHeadersStatus
  data(filter: F, data: Buffer, endStream: boolean): FilterDataStatus
  trailers(filter: F, trailers: HeaderMap): FilterTrailersStatus
}

export const decodeCalls: PathCalls<StreamDecoderFilter> = {
  headers: (filter, headers, endStream) => filter.decodeHeaders(headers, endStream),
  data: (filter, data, endStream) => filter.decodeData(data, endStream),
  trailers: (filter, trailers) => filter.decodeTrailers(trailers),
}

export const encodeCalls: PathCalls<StreamEncoderFilter> = {
  headers: (filter, headers, endStream) => filter.encodeHeaders(headers, endStream),
  data: (filter, data, endStream) => filter.encodeData(data, endStream),
  trailers: (filter, trailers) => filter.encodeTrailers(trailers),
}

/** Takes what has passed the last filter, and acts where a buffer overflows. */
export interface PathSink {
  headersPassed(headers: HeaderMap, endStream: boolean): void
  dataPassed(data: Buffer, endStream: boolean): void
  trailersPassed(trailers: HeaderMap): void
  /** A filter that buffers (not one that watermarks) got more than the limit: 413 for requests, 500 for responses. */
  bufferLimitExceeded(): void
  /** A filter that watermarks holds more than the limit (true), or has let go of it (false). */
  bufferAboveLimit(above: boolean): void
}

/** What both kinds of filters may have. */
interface DataFilter {
  retainsData?(): boolean
}

/** Where one filter of the path stands. */
class PathEntry<F> {
  readonly filter: F
  /** 0: not stopped; otherwise the FilterHeadersStatus that stopped it. */
  stopped: FilterHeadersStatus = FilterHeadersStatus.Continue
  headersPassedOn = false
  /** Data held before this filter (stop-all) or behind it (stopped by its own data status). */
  held: Buffer[] | undefined = undefined
  heldBytes = 0
  heldTrailers = false
  aboveLimit = false

  constructor(filter: F) {
    this.filter = filter
  }
}

/**
 * Runs headers, data and trailers along the filters in order. A filter stops the run by its status and resumes it with
 * continueFrom(). `halt()` ends all runs: after a local reply or a reset nothing more passes.
 */
export class FilterPath<F extends DataFilter> {
  readonly #entries: PathEntry<F>[] = []
  readonly #calls: PathCalls<F>
  readonly #sink: PathSink
  #headers: HeaderMap | undefined = undefined
  #trailers: HeaderMap | undefined = undefined
  /** The end of the stream has been seen at the path's entrance. */
  complete = false
  halted = false
  bufferLimitBytes: number
  /** The filter whose callback is running, -1 outside: data it adds goes to those after it. */
  #running = -1
  /** The filter that made trailers while it saw the last data; -1 for none. */
  #trailersMadeBy = -1

  constructor(calls: PathCalls<F>, sink: PathSink, bufferLimitBytes: number) {
    this.#calls = calls
    this.#sink = sink
    this.bufferLimitBytes = bufferLimitBytes
  }

  add(filter: F): number {
    return this.#entries.push(new PathEntry(filter)) - 1
  }

  halt(): void {
    this.halted = true
    for (const entry of this.#entries) entry.held = undefined
  }

  /** Whether a filter, or the chain for it, may still have data that went in. */
  retainsData(): boolean {
    for (let i = 0; i < this.#entries.length; i++) {
      const { filter, held } = this.#entries[i]
      if (held !== undefined || filter.retainsData === undefined || filter.retainsData()) return true
    }
    return false
  }

  get headers(): HeaderMap | undefined {
    return this.#headers
  }

  get trailers(): HeaderMap | undefined {
    return this.#trailers
  }

  /** Where a stream begins, or what the filter at `from - 1` passes on. */
  runHeaders(from: number, headers: HeaderMap, endStream: boolean): void {
    this.#headers = headers
    if (from === 0 && endStream) this.complete = true
    const entries = this.#entries
    for (let i = from; i < entries.length; i++) {
      const entry = entries[i]
      this.#running = i
      const status = this.#calls.headers(entry.filter, headers, endStream)
      this.#running = -1
      if (this.halted) return
      if (status !== FilterHeadersStatus.Continue) {
        entry.stopped = status
        return
      }
      entry.headersPassedOn = true
      if (entry.held !== undefined) {
        // The filter made a body while it saw the headers: the rest of the chain gets it after them.
        this.#continueWith(i, headers)
        return
      }
    }
    this.#sink.headersPassed(headers, endStream && this.#noTrailers())
  }

  runData(from: number, data: Buffer, endStream: boolean): void {
    if (from === 0 && endStream) this.complete = true
    this.#passData(from, data, endStream)
    if (this.#trailersMadeBy >= from) this.#passMadeTrailers()
  }

  #passData(from: number, data: Buffer, endStream: boolean): void {
    const entries = this.#entries
    for (let i = from; i < entries.length; i++) {
      const entry = entries[i]
      if (entry.stopped >= FilterHeadersStatus.StopAllIterationAndBuffer) {
        this.#hold(entry, data, entry.stopped === FilterHeadersStatus.StopAllIterationAndWatermark)
        return
      }
      this.#running = i
      const status = this.#calls.data(entry.filter, data, endStream && this.#noTrailers())
      this.#running = -1
      if (this.halted) return
      if (status !== FilterDataStatus.Continue) {
        if (entry.stopped === FilterHeadersStatus.Continue) entry.stopped = FilterHeadersStatus.StopIteration
        if (status !== FilterDataStatus.StopIterationNoBuffer)
          this.#hold(entry, data, status === FilterDataStatus.StopIterationAndWatermark)
        return
      }
      if (entry.stopped !== FilterHeadersStatus.Continue) {
        // Continue after a stop resumes everything this filter held back, this data last.
        this.#hold(entry, data, true)
        this.continueFrom(i)
        return
      }
      if (entry.held !== undefined) {
        this.#hold(entry, data, true)
        this.#passData(i + 1, takeHeld(entry), endStream)
        return
      }
    }
    this.#sink.dataPassed(data, endStream && this.#noTrailers())
  }

  runTrailers(from: number, trailers: HeaderMap): void {
    this.#trailers = trailers
    if (from === 0) this.complete = true
    const entries = this.#entries
    for (let i = from; i < entries.length; i++) {
      const entry = entries[i]
      if (entry.stopped >= FilterHeadersStatus.StopAllIterationAndBuffer) {
        entry.heldTrailers = true
        return
      }
      // Not marked as running: data that is added now goes on at once, before the trailers.
      const status = this.#calls.trailers(entry.filter, trailers)
      if (this.halted) return
      if (status !== FilterTrailersStatus.Continue) {
        entry.heldTrailers = true
        if (entry.stopped === FilterHeadersStatus.Continue) entry.stopped = FilterHeadersStatus.StopIteration
        return
      }
      if (entry.stopped !== FilterHeadersStatus.Continue) {
        entry.heldTrailers = true
        this.continueFrom(i)
        return
      }
    }
    this.#sink.trailersPassed(trailers)
  }

  /** Trailers that a filter made run behind it, after the data in whose course it made them; a stopped filter keeps them. */
  #passMadeTrailers(): void {
    const index = this.#trailersMadeBy
    const entry = this.#entries[index]
    this.#trailersMadeBy = -1
    if (this.halted || this.#trailers === undefined) return
    if (entry.headersPassedOn && entry.held === undefined) this.runTrailers(index + 1, this.#trailers)
    else entry.heldTrailers = true
  }

  /** Resumes behind a filter that stopped; behind one that stopped all, its own data calls come first. */
  continueFrom(index: number): void {
    const entry = this.#entries[index]
    if (this.halted || entry.stopped === FilterHeadersStatus.Continue || this.#headers === undefined) return
    const stoppedAll = entry.stopped >= FilterHeadersStatus.StopAllIterationAndBuffer
    entry.stopped = FilterHeadersStatus.Continue
    const next = stoppedAll ? index : index + 1
    const held = entry.held !== undefined ? takeHeld(entry) : undefined
    const trailersDue = entry.heldTrailers
    entry.heldTrailers = false
    this.#releaseWatermark(entry)
    if (!entry.headersPassedOn) {
      entry.headersPassedOn = true
      this.runHeaders(index + 1, this.#headers, this.complete && held === undefined && !trailersDue)
      if (this.halted) return
    }
    if (held !== undefined) {
      this.runData(next, held, this.complete && !trailersDue && this.#noTrailers())
      if (this.halted) return
    }
    if (trailersDue && this.#trailers !== undefined) this.runTrailers(next, this.#trailers)
  }

  #continueWith(index: number, headers: HeaderMap): void {
    const held = takeHeld(this.#entries[index])
    this.runHeaders(index + 1, headers, false)
    if (!this.halted) this.runData(index + 1, held, this.complete && this.#noTrailers())
    if (this.#trailersMadeBy === index) this.#passMadeTrailers()
  }

  /** What the chain holds for a filter, joined; undefined for nothing. */
  heldData(index: number): Buffer | undefined {
    const held = this.#entries[index].held
    if (held === undefined) return undefined
    if (held.length > 1) this.#entries[index].held = [Buffer.concat(held)]
    return this.#entries[index].held?.[0]
  }

  /** What the chain holds for a filter is the filter's now, to pass on in another form; undefined for nothing. */
  takeData(index: number): Buffer | undefined {
    const entry = this.#entries[index]
    if (entry.held === undefined) return undefined
    const held = takeHeld(entry)
    this.#releaseWatermark(entry)
    return held
  }

  /**
   * A filter adds to what is held for it; called while it handles headers or trailers, the rest of the chain sees it. One
   * that does not stream is held to the limit of those that buffer.
   */
  addData(index: number, data: Buffer, streaming: boolean): void {
    const entry = this.#entries[index]
    if (this.#running === index || entry.stopped !== FilterHeadersStatus.Continue) this.#hold(entry, data, streaming)
    else this.runData(index + 1, data, false)
  }

  injectData(index: number, data: Buffer, endStream: boolean): void {
    const entry = this.#entries[index]
    if (!entry.headersPassedOn && this.#headers !== undefined) {
      entry.headersPassedOn = true
      this.runHeaders(index + 1, this.#headers, false)
      if (this.halted) return
    }
    this.runData(index + 1, data, endStream)
    if (endStream && this.#trailersMadeBy === index) this.#passMadeTrailers()
  }

  /**
   * A filter ends the stream with trailers of its own: called while it handles the last data, or headers it adds data to,
   * or before it injects the last data.
   */
  addTrailers(index: number, trailers: HeaderMap): void {
    this.#trailers = trailers
    this.#trailersMadeBy = index
  }

  #noTrailers(): boolean {
    return this.#trailers === undefined
  }

  #hold(entry: PathEntry<F>, data: Buffer, watermark: boolean): void {
    entry.held ??= []
    entry.held.push(data)
    entry.heldBytes += data.length
    if (this.bufferLimitBytes === 0 || entry.heldBytes <= this.bufferLimitBytes) return
    if (!watermark) this.#sink.bufferLimitExceeded()
    else if (!entry.aboveLimit && entry.stopped !== FilterHeadersStatus.Continue) {
      entry.aboveLimit = true
      this.#sink.bufferAboveLimit(true)
    }
  }

  #releaseWatermark(entry: PathEntry<F>): void {
    if (!entry.aboveLimit) return
    entry.aboveLimit = false
    this.#sink.bufferAboveLimit(false)
  }
}

function takeHeld<F>(entry: PathEntry<F>): Buffer {
  const held = entry.held ?? []
  entry.held = undefined
  entry.heldBytes = 0
  return held.length === 1 ? held[0] : Buffer.concat(held)
}
