// HTTP requests to a cluster for REST discovery: undici's HTTP over connections that the cluster makes.

import { Agent, type buildConnector } from 'undici'
import { monotonicMs } from '../common/clock.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { Host } from '../upstream/host.ts'
import { openSocket } from '../upstream/open_socket.ts'
import { countClosed, countConnect, countConnected, countConnectFailure } from '../upstream/pooled_connection.ts'

export class RestClient {
  readonly #clusterName: string
  readonly #clusterManager: ClusterManager
  readonly #ownAddress: string
  readonly #agent: Agent

  constructor(clusterName: string, clusterManager: ClusterManager, ownAddress: string) {
    this.#clusterName = clusterName
    this.#clusterManager = clusterManager
    this.#ownAddress = ownAddress
    const connect: buildConnector.connector = (_options, callback) => {
      this.#connect().then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      )
    }
    this.#agent = new Agent({ connect, pipelining: 0 })
  }

  async #connect(): Promise<Awaited<ReturnType<typeof openSocket>>> {
    const cluster = this.#clusterManager.get(this.#clusterName)
    const host = cluster?.chooseHost()
    if (host === undefined) {
      cluster?.info.stats.upstreamCxNoneHealthy.inc()
      throw new Error('no healthy upstream')
    }
    return connectTo(host)
  }

  /** The body of the answer; undefined where nothing has changed (304). Rejects for every other answer than 200. */
  async post(path: string, body: string, timeoutMs: number): Promise<string | undefined> {
    const stats = this.#clusterManager.get(this.#clusterName)?.info.stats
    stats?.upstreamRqTotal.inc()
    stats?.upstreamRqActive.inc()
    try {
      const answer = await this.#agent.request({
        // The connection's own address does not matter: see #connect.
        origin: 'http://cluster',
        path,
        method: 'POST',
        headers: {
          host: this.#clusterName,
          'content-type': 'application/json',
          'x-envoy-internal': 'true',
          'x-forwarded-for': this.#ownAddress,
          'x-envoy-expected-rq-timeout-ms': String(timeoutMs),
        },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      })
      const text = await answer.body.text()
      if (answer.statusCode === 304) return undefined
      if (answer.statusCode !== 200) throw new Error(`the answer is ${answer.statusCode}`)
      return text
    } finally {
      stats?.upstreamRqActive.dec()
    }
  }

  close(): void {
    void this.#agent.destroy()
  }
}

async function connectTo(host: Host): Promise<Awaited<ReturnType<typeof openSocket>>> {
  const startedAtMs = monotonicMs()
  countConnect(host)
  try {
    const socket = await openSocket(host)
    countConnected(host, startedAtMs)
    host.cluster.stats.upstreamCxHttp1Total.inc()
    socket.once('close', () => countClosed(host, 'remoteClose', startedAtMs, false))
    return socket
  } catch (error) {
    countConnectFailure(host, false)
    countClosed(host, 'remoteClose', startedAtMs, false)
    throw error
  }
}
