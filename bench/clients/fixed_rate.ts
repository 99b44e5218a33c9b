// Sends keep-alive GETs at a fixed rate and says how long their answers took: at rates below saturation, where wrk, which
// sends as fast as it is answered, tells nothing of latency.
// `node bench/clients/fixed_rate.ts PORT PER_SECOND CONNECTIONS SECONDS BODY_BYTES` prints one JSON object.
//
// A request is due at a tick of the client's clock (1 ms). Its time counts from there, also while it waits for a free
// connection: a proxy that stops for a while is charged with all requests that were due meanwhile.

import { connect, type Socket } from 'node:net'

export interface FixedRateResult {
  readonly completed: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Of the ticks: what the client itself was late at worst. */
  readonly lateMs: number
}

const request = 'GET / HTTP/1.1\r\nhost: bench\r\n\r\n'
const tickMs = 1
/** What is due in the first part of the time warms up and does not count. */
const warmUpShare = 0.2

class Connection {
  readonly #socket: Socket
  readonly #bodyBytes: number
  #received = ''
  #onAnswer: (() => void) | undefined

  constructor(port: number, bodyBytes: number, onError: (error: Error) => void) {
    this.#bodyBytes = bodyBytes
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (text: string) => this.#onData(text))
    this.#socket.on('error', onError)
    this.#socket.on('end', () => onError(new Error('the proxy closed a connection')))
  }

  send(onAnswer: () => void): void {
    this.#onAnswer = onAnswer
    this.#socket.write(request)
  }

  destroy(): void {
    this.#socket.removeAllListeners('end')
    this.#socket.destroy()
  }

  #onData(text: string): void {
    this.#received += text
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd < 0 || this.#received.length < headEnd + 4 + this.#bodyBytes) return
    this.#received = ''
    this.#onAnswer?.()
  }
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

export function runFixedRate(
  port: number,
  perSecond: number,
  connectionCount: number,
  seconds: number,
  bodyBytes: number,
): Promise<FixedRateResult> {
  return new Promise((resolve, reject) => {
    const free = Array.from({ length: connectionCount }, () => new Connection(port, bodyBytes, fail))
    const all = [...free]
    const waiting: number[] = []
    const latenciesMs: number[] = []
    const total = Math.floor(perSecond * seconds)
    const startedAt = performance.now()
    const countedFrom = startedAt + seconds * 1000 * warmUpShare
    let lastTick = startedAt
    let lateMs = 0
    let sent = 0
    let answered = 0
    const timer = setInterval(tick, tickMs)

    function tick(): void {
      const now = performance.now()
      if (now > countedFrom) lateMs = Math.max(lateMs, now - lastTick - tickMs)
      lastTick = now
      const due = Math.min(total, Math.floor(((now - startedAt) / 1000) * perSecond))
      for (; sent < due; sent++) waiting.push(now)
      sendWaiting()
    }

    function sendWaiting(): void {
      while (waiting.length > 0) {
        const connection = free.pop()
        if (connection === undefined) return
        const dueAt = waiting.shift()!
        connection.send(() => {
          if (dueAt >= countedFrom) latenciesMs.push(performance.now() - dueAt)
          free.push(connection)
          if (++answered === total) finish()
          else sendWaiting()
        })
      }
    }

    function close(): void {
      clearInterval(timer)
      for (const connection of all) connection.destroy()
    }

    function fail(error: Error): void {
      close()
      reject(error)
    }

    function finish(): void {
      close()
      const sorted = latenciesMs.toSorted((a, b) => a - b)
      resolve({
        completed: answered,
        p50Ms: percentile(sorted, 0.5),
        p99Ms: percentile(sorted, 0.99),
        maxMs: sorted[sorted.length - 1],
        lateMs,
      })
    }
  })
}

if (import.meta.main) {
  const [port, perSecond, connections, seconds, bodyBytes] = process.argv.slice(2).map(Number)
  console.log(JSON.stringify(await runFixedRate(port, perSecond, connections, seconds, bodyBytes)))
}
