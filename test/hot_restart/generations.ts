/** Generations of one proxy: each process takes over from the one before, on the same ports. */
import { bootstrap, cluster, httpListener } from '../parity/yaml.ts'
import { freePorts } from '../support/free_ports.ts'
import { httpRequest } from '../support/http_get.ts'
import { type ProxyKind, type ProxyProcess, spawnProxy } from '../support/proxy_process.ts'

const exitTimeoutMs = 30_000

export interface GenerationsOptions {
  readonly kind: ProxyKind
  readonly backendPort: number
  /** Default: the same. */
  readonly tcpBackendPort?: number
  readonly drainSeconds: number
  readonly parentShutdownSeconds: number
}

export class Generations {
  readonly httpPort: number
  readonly tcpPort: number
  readonly adminPort: number
  /** Machine-wide: nobody else has one of these. */
  readonly baseId = String(1_000_000 + Math.floor(Math.random() * 1_000_000))
  readonly #options: GenerationsOptions
  readonly #started: ProxyProcess[] = []

  private constructor(options: GenerationsOptions, [httpPort, tcpPort, adminPort]: readonly number[]) {
    this.#options = options
    this.httpPort = httpPort
    this.tcpPort = tcpPort
    this.adminPort = adminPort
  }

  static async create(options: GenerationsOptions): Promise<Generations> {
    return new Generations(options, await freePorts(3))
  }

  /** Starts the process of an epoch and waits for nothing. */
  spawn(epoch: number, flags: readonly string[] = [], yaml = this.yaml()): ProxyProcess {
    const { kind, drainSeconds, parentShutdownSeconds } = this.#options
    const process = spawnProxy(kind, yaml, [
      ...['--base-id', this.baseId, '--restart-epoch', String(epoch), '-l', 'info'],
      ...['--drain-time-s', String(drainSeconds), '--parent-shutdown-time-s', String(parentShutdownSeconds)],
      ...flags,
    ])
    this.#started.push(process)
    return process
  }

  async start(epoch: number, flags: readonly string[] = []): Promise<ProxyProcess> {
    const started = this.spawn(epoch, flags)
    await started.waitReady()
    return started
  }

  yaml(): string {
    const admin = `admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${this.adminPort} } } }\n`
    const http = httpListener({
      name: 'http',
      hcm: 'upgrade_configs: [ { upgrade_type: websocket } ]',
    }).replace('port_value: 0', `port_value: ${this.httpPort}`)
    const tcp = `
- name: tcp
  stat_prefix: tcp
  address: { socket_address: { address: 127.0.0.1, port_value: ${this.tcpPort} } }
  filter_chains:
  - filters:
    - name: tcp
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
        stat_prefix: tcp
        cluster: tcp`
    const { backendPort, tcpBackendPort = backendPort } = this.#options
    const clusters = [cluster('main', '', String(backendPort)), cluster('tcp', '', String(tcpBackendPort))]
    const text = bootstrap([http, tcp], clusters)
    return text.replace(/^admin:.*\n/m, admin)
  }

  async stop(): Promise<void> {
    // The newest first: the one before takes back what it gave.
    for (const each of this.#started.reverse()) await each.stop()
  }
}

export async function exitOf(process: ProxyProcess): Promise<void> {
  const deadline = performance.now() + exitTimeoutMs
  while (!process.exited) {
    if (performance.now() > deadline) throw new Error(`still running:\n${process.tail()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Of who answers as the admin interface, once it serves. */
export async function liveEpoch(adminPort: number): Promise<number | undefined> {
  const { body } = await httpRequest(`127.0.0.1:${adminPort}`, '/server_info').catch(() => ({ body: '{}' }))
  const info = JSON.parse(body) as { state?: string; command_line_options?: { restart_epoch: number } }
  return info.state === 'LIVE' ? info.command_line_options?.restart_epoch : undefined
}
