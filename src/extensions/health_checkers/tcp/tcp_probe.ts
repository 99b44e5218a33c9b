// A TCP check: whether the host takes a connection, or answers what is sent with what is expected.

import { localAddressOf } from '../../../network/address.ts'
import type { Connection } from '../../../network/connection.ts'
import type { ConnectionCallbacks, ConnectionEvent, ConnectionReader } from '../../../network/connection_types.ts'
import { version1Header, version2LocalHeader } from '../../../network/proxy_protocol_header.ts'
import type { CheckedHost } from '../../../upstream/health_checking/checked_host.ts'
import type { HealthProbe, ProbeCallbacks, ProbeContext } from '../../../upstream/health_checking/health_probe.ts'
import { hasPayloads } from '../../../upstream/health_checking/payload.ts'

export interface TcpProbeSettings {
  readonly send: readonly Buffer[]
  /** Without any the connection alone is the check, and nothing is sent. */
  readonly receive: readonly Buffer[]
  /** Of the PROXY header that goes before what is sent. */
  readonly proxyProtocol: 'V1' | 'V2' | undefined
}

export class TcpProbe implements HealthProbe, ConnectionCallbacks, ConnectionReader {
  readonly #host: CheckedHost
  readonly #settings: TcpProbeSettings
  readonly #context: ProbeContext
  readonly #callbacks: ProbeCallbacks
  #connection: Connection | undefined = undefined
  /** Since the last check that passed. */
  #received = Buffer.alloc(0)

  constructor(host: CheckedHost, settings: TcpProbeSettings, context: ProbeContext, callbacks: ProbeCallbacks) {
    this.#host = host
    this.#settings = settings
    this.#context = context
    this.#callbacks = callbacks
  }

  start(): void {
    if (this.#connection !== undefined) {
      this.#send(this.#connection)
      return
    }
    const connection = this.#context.connect(this.#host)
    this.#connection = connection
    this.#received = Buffer.alloc(0)
    connection.reader = this
    connection.addConnectionCallbacks(this)
  }

  onTimeout(): void {
    this.close()
  }

  close(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.removeConnectionCallbacks(this)
    connection?.close('noFlush', '')
  }

  onEvent(event: ConnectionEvent): void {
    const connection = this.#connection
    if (connection === undefined) return
    if (event !== 'connected') {
      this.#connection = undefined
      // As in Envoy, a host that hangs up between two checks has failed, too.
      this.#callbacks.onFailure('NETWORK', false)
    } else if (this.#settings.receive.length > 0) this.#send(connection)
    else {
      this.close()
      this.#callbacks.onSuccess(false)
    }
  }

  #send(connection: Connection): void {
    const { proxyProtocol, send } = this.#settings
    if (proxyProtocol === 'V1') {
      const header = version1Header(localAddressOf(connection.socket), this.#host.target.address)
      connection.write(header)
    } else if (proxyProtocol === 'V2') connection.write(version2LocalHeader())
    for (const bytes of send) connection.write(bytes)
  }

  onData(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data])
    if (!hasPayloads(this.#received, this.#settings.receive)) {
      // A host that goes on and on waits until the check is over.
      if (this.#received.length > this.#host.host.cluster.perConnectionBufferLimitBytes)
        this.#connection?.readDisable(true)
      return
    }
    this.#received = Buffer.alloc(0)
    if (!this.#context.reuseConnection) this.close()
    this.#callbacks.onSuccess(false)
  }

  onAboveWriteBufferHighWatermark(): void {}

  onBelowWriteBufferLowWatermark(): void {}
}
