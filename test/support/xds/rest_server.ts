/** The REST-JSON side of a control plane: every request is answered with the whole of a type, or with 304. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { type DiscoveryRecord, recordOf, type WireRequest } from './requests.ts'
import { resourceTypes, type TypeName, typeNames, typeUrlOf } from './resource_types.ts'
import { type ResourceStore, resourceJson } from './resources.ts'

export interface RestAnswer {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface RestOwner {
  readonly store: ResourceStore
  readonly controlPlane: string | undefined
  /** What the test's script answers instead; `silence` leaves the request open. */
  restReceived(record: DiscoveryRecord): RestAnswer | 'silence' | undefined
}

export class RestServer {
  readonly #server: Server
  readonly #owner: RestOwner
  /** The last version that each type was answered with. */
  readonly #answered = new Map<TypeName, string>()

  private constructor(owner: RestOwner) {
    this.#owner = owner
    this.#server = createServer((request, response) => this.#handle(request, response))
  }

  static async start(owner: RestOwner): Promise<RestServer> {
    const rest = new RestServer(owner)
    rest.#server.listen(0, '127.0.0.1')
    await once(rest.#server, 'listening')
    return rest
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const answer = this.#answer(request, Buffer.concat(chunks).toString())
      if (answer === 'silence') return
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
      response.end(answer.body)
    })
  }

  #answer(request: IncomingMessage, body: string): RestAnswer | 'silence' {
    const { method = '', url = '' } = request
    const type = typeNames.find((name) => resourceTypes[name].restPath === url)
    if (type === undefined || method !== 'POST') return { status: 404 }
    const json = JSON.parse(body) as WireRequest & { node?: JsonObject }
    const kind = this.#answered.has(type) ? 'change' : 'initial'
    const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)])
    const context = { type, kind, node: json.node, answeredVersion: '', metadata: Object.fromEntries(headers) } as const
    const record = recordOf(json, { protocol: 'rest', stream: 0, method: url, ...context })
    return this.#owner.restReceived(record) ?? this.#current(type, record)
  }

  #current(type: TypeName, record: DiscoveryRecord): RestAnswer {
    const state = this.#owner.store.state(type)
    if (state === undefined) return { status: 404 }
    this.#answered.set(type, state.version)
    if (record.versionInfo === state.version) return { status: 304 }
    const resources = [...state.resources.values()]
      .filter(({ name }) => record.names.length === 0 || record.names.includes(name))
      .map(resourceJson)
    const identifier = this.#owner.controlPlane
    const response = {
      version_info: state.version,
      resources,
      type_url: typeUrlOf(type),
      ...(identifier === undefined ? {} : { control_plane: { identifier } }),
    }
    return { status: 200, body: JSON.stringify(response) }
  }
}
