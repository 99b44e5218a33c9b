// Makes a host of every address that requests and connections want to go to, and keeps it for as long as it is used.

import { monotonicMs } from '../../common/clock.ts'
import { getLogger } from '../../common/log.ts'
import { Timer } from '../../common/timer.ts'
import type { AddressInfo } from '../../stream_info/stream_info.ts'
import type { Cluster } from '../cluster.ts'
import type { Host, HostSnapshot } from '../host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../load_balancer.ts'
import { type DestinationSettings, destinationOf } from './destination.ts'

/** How long new hosts wait until others are told of them: lists of hosts are made anew each time. */
const tellAfterMs = 50
const warnEveryMs = 10_000
/** Not Envoy's, which goes round. */
const loopDetails = 'original_dst_is_own_address'

const log = getLogger('upstream')

/** Which hosts a process has made and dropped since it told of that last. */
export interface OriginalDstChange {
  readonly clusterName: string
  readonly added: readonly AddressInfo[]
  readonly removed: readonly AddressInfo[]
}

export interface OriginalDstSettings {
  readonly destination: DestinationSettings
  readonly cleanupIntervalMs: number
}

interface OwnHost {
  readonly host: Host
  /** It was chosen since the last cleanup. */
  isUsed: boolean
}

export class OriginalDstLoadBalancer implements LoadBalancer {
  readonly #settings: OriginalDstSettings
  readonly #tell: (change: OriginalDstChange) => void
  readonly #hosts = new Map<string, OwnHost>()
  #cluster: Cluster | undefined = undefined
  #untold: AddressInfo[] = []
  #warnedAtMs = Number.NEGATIVE_INFINITY
  readonly #tellTimer = new Timer(() => this.#putInForce([]))
  readonly #cleanupTimer = new Timer(() => this.#cleanUp())

  constructor(settings: OriginalDstSettings, tell: (change: OriginalDstChange) => void) {
    this.#settings = settings
    this.#tell = tell
  }

  /** To be called once, before a host is wanted. */
  serve(cluster: Cluster): void {
    this.#cluster = cluster
  }

  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    const cluster = this.#cluster
    if (cluster === undefined || context === undefined) return undefined
    const { originalDstHostInvalid } = cluster.info.stats
    const address = destinationOf(context, this.#settings.destination, () => originalDstHostInvalid.inc())
    if (address === undefined) {
      if (log.enabled('debug')) log.debug(`${cluster.info.name}: no downstream connection or no original destination`)
      return undefined
    }
    const own = context.downstreamConnection?.downstream?.ownAddress
    if (own?.text === address.text) {
      this.#refuseLoop(cluster, address, context)
      return undefined
    }
    const known = this.#hosts.get(address.text)
    if (known === undefined) return this.#create(cluster, address)
    known.isUsed = true
    return known.host
  }

  /** Nothing has redirected the connection: it would come back here, and from here again, for as long as there are ports. */
  #refuseLoop(cluster: Cluster, { text }: AddressInfo, context: LoadBalancerContext): void {
    context.noHostDetails = loopDetails
    // Of a connection nobody else tells it.
    if (context.streamInfo !== undefined) context.streamInfo.responseCodeDetails = loopDetails
    const now = monotonicMs()
    if (now - this.#warnedAtMs < warnEveryMs) return
    this.#warnedAtMs = now
    const advice = 'a filter chain for its port that leads elsewhere would keep such connections from it'
    log.warn(
      `cluster ${cluster.info.name}: a connection to the listener's own address ${text} would call itself; ${advice}`,
    )
  }

  #create(cluster: Cluster, address: AddressInfo): Host {
    const host = cluster.newHost(originalDstHost(cluster.info.name, address))
    if (log.enabled('debug')) log.debug(`${cluster.info.name}: created host ${address.text}`)
    if (this.#hosts.size === 0) this.#cleanupTimer.enable(this.#settings.cleanupIntervalMs)
    this.#hosts.set(address.text, { host, isUsed: true })
    if (this.#untold.length === 0) this.#tellTimer.enable(tellAfterMs)
    this.#untold.push(address)
    return host
  }

  /** A host stays for one interval after it was chosen, and as long as there are connections to it. */
  #cleanUp(): void {
    const removed: AddressInfo[] = []
    for (const [text, own] of this.#hosts) {
      const isKept = own.isUsed || own.host.stats.cxActive.value > 0
      own.isUsed = false
      if (isKept) continue
      this.#hosts.delete(text)
      removed.push(own.host.address)
    }
    if (removed.length > 0) this.#putInForce(removed)
    if (this.#hosts.size > 0) this.#cleanupTimer.enable(this.#settings.cleanupIntervalMs)
  }

  #putInForce(removed: readonly AddressInfo[]): void {
    const added = this.#untold
    this.#untold = []
    this.#tellTimer.disable()
    this.#cluster?.replaceHosts(Array.from(this.#hosts.values(), ({ host }) => host))
    this.#tell({ clusterName: this.#cluster?.info.name ?? '', added, removed })
  }

  peekAnotherHost(): undefined {
    return undefined
  }

  onHostsChanged(): void {}

  onLocalClusterChanged(): void {}

  destroy(): void {
    this.#cleanupTimer.disable()
    if (this.#hosts.size === 0) return
    const removed = Array.from(this.#hosts.values(), ({ host }) => host.address)
    this.#hosts.clear()
    this.#putInForce(removed)
  }
}

export function originalDstHost(clusterName: string, address: AddressInfo): HostSnapshot {
  return {
    address,
    additionalAddresses: [],
    hostname: `${clusterName}${address.text}`,
    weight: 1,
    priority: 0,
    locality: { region: '', zone: '', subZone: '' },
    localityWeight: 0,
    metadata: {},
    healthStatus: 'UNKNOWN',
  }
}
