// What the tests of this folder share: a server context of one process, and listeners from YAML on real sockets.

import { connect, createServer, type AddressInfo as NodeAddress, type Socket } from 'node:net'
import type { envoy } from '../../proto/generated/api.d.ts'
import { AccessLogManager } from '../../src/access_log/access_log_manager.ts'
import { Lifetime } from '../../src/common/lifetime.ts'
import { ConfigErrors, renderIssue } from '../../src/config/errors.ts'
import { InitManager } from '../../src/config/init_manager.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import { type ExtensionFactory, ExtensionRegistry } from '../../src/config/registry.ts'
import { Runtime, type RuntimeValue } from '../../src/config/runtime.ts'
import { WatchedResources } from '../../src/config/watched_resources.ts'
import { fileAccessLogFactory } from '../../src/extensions/access_loggers/file/config.ts'
import { connectionLimit } from '../../src/extensions/filters/network/connection_limit/config.ts'
import { directResponse } from '../../src/extensions/filters/network/direct_response/config.ts'
import { echo } from '../../src/extensions/filters/network/echo/config.ts'
import { localRateLimit } from '../../src/extensions/filters/network/local_ratelimit/config.ts'
import { sniCluster } from '../../src/extensions/filters/network/sni_cluster/config.ts'
import { rawBufferDownstreamFactory } from '../../src/extensions/transport_sockets/raw_buffer/config.ts'
import { addressOfNative } from '../../src/network/address.ts'
import { globalConnectionLimit } from '../../src/network/connection_limits.ts'
import type { NetworkServerContext, SharedMemory } from '../../src/network/factory.ts'
import { Listener } from '../../src/network/listener.ts'
import { buildListener } from '../../src/network/listener_builder.ts'
import { OverloadState } from '../../src/network/overload/overload_state.ts'
import { SecretManager } from '../../src/network/tls/secret_manager.ts'
import { WatchedFolders } from '../../src/network/watched_folders.ts'
import { createListenSocket } from '../../src/os/socket.ts'
import { SharedCounter } from '../../src/stats/shared_counter.ts'
import { StatsOwner } from '../../src/stats/stats_owner.ts'
import { createLocalStore, type StatsStore } from '../../src/stats/store.ts'

export type ListenerView = envoy.config.listener.v3.Listener

/** Shared memory of one process, for workers that the test plays. */
export class LocalSharedMemory implements SharedMemory {
  readonly #totals = new Int32Array(256)
  readonly #shares = new Int32Array(256)
  readonly #slots = new Map<string, number>()
  readonly #cells = new Map<string, BigInt64Array>()

  counter(name: string): SharedCounter {
    const slot = this.#slots.get(name) ?? this.#slots.size
    this.#slots.set(name, slot)
    return new SharedCounter(this.#totals, this.#shares, slot)
  }

  counters(name: string, count: number): SharedCounter[] {
    return Array.from({ length: count }, (_, i) => this.counter(`${name} ${i}`))
  }

  cell64(name: string): BigInt64Array {
    return this.cells64(name, 1)
  }

  cells64(name: string, count: number): BigInt64Array {
    const cell = this.#cells.get(name) ?? new BigInt64Array(count)
    this.#cells.set(name, cell)
    return cell
  }
}

export interface TestContext extends NetworkServerContext {
  readonly scope: StatsStore
  readonly errors: ConfigErrors
  readonly runtime: Runtime
}

export interface TestContextOptions {
  readonly runtime?: Readonly<Record<string, RuntimeValue>>
  readonly extensions?: readonly ExtensionFactory[]
  readonly maxConnections?: number
  readonly shared?: SharedMemory
  readonly workerIndex?: number
}

export function testContext(options: TestContextOptions = {}): TestContext {
  const registry = new ExtensionRegistry()
  const known = [echo, directResponse, connectionLimit, localRateLimit, sniCluster]
  for (const factory of [...known, rawBufferDownstreamFactory, fileAccessLogFactory, ...(options.extensions ?? [])]) {
    registry.register(factory)
  }
  const scope = createLocalStore()
  const runtime = new Runtime()
  runtime.update(options.runtime ?? {})
  const shared = options.shared ?? new LocalSharedMemory()
  const errors = new ConfigErrors('test.yaml')
  const folders = new WatchedFolders()
  return {
    scope,
    runtime,
    registry,
    shared,
    accessLogManager: new AccessLogManager(scope),
    errors,
    folders,
    secrets: new SecretManager([], scope, true, errors),
    resources: new WatchedResources(),
    initManager: new InitManager(),
    lifetime: new Lifetime(),
    statsOwner: new StatsOwner(),
    drainDecision: { drainClose: () => false },
    globalConnectionLimit: globalConnectionLimit(shared, runtime, options.maxConnections),
    overload: new OverloadState(new Map()),
    workerIndex: options.workerIndex ?? 0,
  }
}

/** Listener views of a YAML list; throws on what the loader refuses. */
export function listenerViews(yaml: string): ListenerView[] {
  const indented = yaml.replaceAll('\n', '\n    ')
  const { bootstrap, errors } = loadBootstrap({ configYaml: `static_resources:\n  listeners:\n    ${indented}` })
  if (errors.length > 0) throw new Error(errors.map(renderIssue).join('\n'))
  return bootstrap?.staticResources?.listeners ?? []
}

export interface RunningListener {
  readonly listener: Listener
  readonly port: number
  stop(): void
}

/** Builds the one listener of a YAML list and listens on its first address. */
export async function startListener(yaml: string, context: NetworkServerContext): Promise<RunningListener> {
  const built = buildListener(listenerViews(yaml)[0], context)
  if (built === undefined || context.errors.hasErrors)
    throw new Error(context.errors.errors.map(renderIssue).join('\n'))
  const listener = new Listener(built, () => undefined)
  let port = 0
  for (const settings of built.sockets.sockets) {
    const { fd, localAddress } = createListenSocket(settings.native, settings.options)
    const address = addressOfNative(localAddress)
    if (port === 0) port = address.port
    await listener.listen(fd, address)
  }
  return {
    listener,
    port,
    stop() {
      listener.stopListening()
      listener.closeConnections('test_end')
    },
  }
}

/** Resolves when the condition holds; looks after every turn of the event loop. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Two ends of a TCP connection on loopback. */
export async function socketPair(): Promise<{ client: Socket; server: Socket }> {
  const acceptor = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => acceptor.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<Socket>((resolve) => acceptor.once('connection', resolve))
  const client = connect({ port: (acceptor.address() as NodeAddress).port, host: '127.0.0.1', allowHalfOpen: true })
  const server = await accepted
  acceptor.close()
  return { client, server }
}
