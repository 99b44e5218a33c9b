// The admin interface: an HTTP server of its own in main, which finds the endpoint, asks it, and sends what it says.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { getSystemErrorMessage } from 'node:util'
import { monotonicMs } from '../common/clock.ts'
import { getLogger } from '../common/log.ts'
import { ConfigErrors, renderIssues } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { addressOfNative, nativeAddress } from '../network/address.ts'
import { createListenSocket, duplicateFd, localAddressOf } from '../os/socket.ts'
import { type AdminSettings, adminSettings } from '../server/admin_settings.ts'
import type { AdminSocket } from '../server/hot_restart/handing_over.ts'
import { type PassedSockets, socketKey } from '../server/hot_restart/passed_sockets.ts'
import type { ServerControl } from '../server/server_control.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import { AdminAccessLog } from './admin_access_log.ts'
import { AdminConnection } from './admin_connection.ts'
import { AdminStats, incAll } from './admin_stats.ts'
import { type AdminEndpoint, type AdminReply, type AdminRequest, textReply } from './endpoint.ts'
import { adminEndpoints } from './endpoint_table.ts'
import { helpText } from './endpoints/help.ts'
import { QueryParams } from './query_params.ts'
import { refusalOf } from './request_guard.ts'

const log = getLogger('admin')
/** Forms hold a handful of runtime keys. */
const formLimitBytes = 1 << 20
/** Envoy's: a scraper's connection must not end between two scrapes. */
const idleTimeoutMs = 3_600_000

/** Serves the admin interface where the bootstrap asks for one, on the socket of the process before if that has one. */
export async function startAdmin(
  control: ServerControl,
  bootstrap: Bootstrap,
  passed?: PassedSockets,
): Promise<AdminSocket | undefined> {
  const errors = new ConfigErrors()
  const context = { ...control.context, errors, accessLogManager: control.adminAccessLogManager }
  const settings = adminSettings(bootstrap, context)
  if (errors.hasErrors) throw new Error(renderIssues(errors.issues))
  if (settings === undefined) {
    log.warn('no admin address is configured: there is no admin interface')
    return undefined
  }
  const { address, socket } = await new AdminServer(control, settings).listen(passed)
  log.info(`admin address: ${address.text}`)
  if (control.options.adminAddressPath !== '') writeFileSync(control.options.adminAddressPath, address.text)
  return socket
}

class AdminServer {
  readonly #control: ServerControl
  readonly #settings: AdminSettings
  readonly #endpoints: readonly AdminEndpoint[]
  readonly #byPath: ReadonlyMap<string, AdminEndpoint>
  readonly #stats: AdminStats
  readonly #accessLog: AdminAccessLog
  readonly #onLoopback: boolean
  readonly #connections = new Map<Socket, AdminConnection>()

  constructor(control: ServerControl, settings: AdminSettings) {
    this.#control = control
    this.#settings = settings
    this.#endpoints = adminEndpoints(control, settings)
    this.#byPath = new Map(this.#endpoints.map((endpoint) => [endpoint.path, endpoint]))
    this.#stats = new AdminStats(control.context.scope)
    this.#accessLog = new AdminAccessLog(settings.accessLogs, control.localInfo.address)
    this.#onLoopback = isLoopback(settings.address)
  }

  /** Resolves with the address that is really bound; throws where it cannot be. */
  async listen(passed: PassedSockets | undefined): Promise<{ address: AddressInfo; socket: AdminSocket }> {
    const server = createServer((request, response) => void this.#serve(request, response))
    server.keepAliveTimeout = idleTimeoutMs
    server.on('connection', (socket) => this.#onConnection(socket))
    server.on('clientError', (_error, socket) => {
      this.#stats.cxProtocolError.inc()
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    })
    const { fd, address, key } = this.#openSocket(passed)
    // The server closes the one that it listens on.
    server.listen({ fd: duplicateFd(fd) })
    await once(server, 'listening')
    server.on('error', (error) => log.warn(`admin interface: ${error.message}`))
    const socket: AdminSocket = {
      key,
      fd,
      pause: () => void server.close(),
      resume: () => server.listen({ fd: duplicateFd(fd) }),
    }
    return { address, socket }
  }

  #openSocket(passed: PassedSockets | undefined): { fd: number; address: AddressInfo; key: string } {
    const { address, socketOptions } = this.#settings
    const key = socketKey(nativeAddress(address), 'admin')
    const [passedFd] = passed?.take(key) ?? []
    const passedAddress = passedFd === undefined ? undefined : localAddressOf(passedFd)
    if (passedAddress !== undefined) return { fd: passedFd, address: addressOfNative(passedAddress), key }
    try {
      const { fd, localAddress } = createListenSocket(nativeAddress(address), socketOptions)
      return { fd, address: addressOfNative(localAddress), key }
    } catch (error) {
      const { errno, syscall } = error as NodeJS.ErrnoException
      if (errno === undefined) throw error
      const reason = getSystemErrorMessage(errno)
      throw new Error(`cannot ${syscall} '${address.text}': ${reason[0].toUpperCase()}${reason.slice(1)}`)
    }
  }

  #onConnection(socket: Socket): void {
    const limit = this.#control.context.globalConnectionLimit
    if (this.#settings.ignoreGlobalConnectionLimit) limit.acquire()
    else if (!limit.tryAcquire()) {
      this.#stats.globalCxOverflow.inc()
      socket.destroy()
      return
    }
    this.#connections.set(socket, new AdminConnection(socket, this.#stats))
    socket.once('close', () => {
      limit.release()
      this.#connections.delete(socket)
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const stats = this.#stats
    const downstream = this.#accessLog.begin(request.socket)
    const connection = this.#connections.get(request.socket)
    if (connection !== undefined) connection.activeRequests++
    incAll(stats.rqTotal)
    stats.rqActive.inc()
    let reply: AdminReply
    try {
      reply = await this.#answer(request)
    } catch (error) {
      log.error(`admin request ${request.url} failed: ${(error as Error).stack}`)
      reply = textReply('internal error\n', 500)
    }
    let sentBytes = 0
    try {
      sentBytes = await send(response, reply)
    } catch (error) {
      // The head is out: cutting the body short is all that can be told.
      log.error(`admin reply to ${request.url} failed: ${(error as Error).stack}`)
      response.destroy()
    }
    if (!response.writableFinished) stats.rqRxReset.inc()
    if (connection !== undefined) {
      connection.activeRequests--
      connection.countBytes()
    }
    stats.rqActive.dec()
    incAll(stats.rqCompleted)
    incAll(stats.rqXx[Math.floor(reply.status / 100) - 1] ?? [])
    stats.rqTime.recordValue(monotonicMs() - downstream.acceptedAtMs)
    this.#accessLog.write(request, downstream, reply.status, sentBytes)
    reply.afterwards?.()
  }

  async #answer(request: IncomingMessage): Promise<AdminReply> {
    const target = targetOf(request.url ?? '/')
    const { allowsPath } = this.#settings
    if (allowsPath?.(target.full) === false) return textReply(`request to path ${target.full} not allowed`, 403)
    const endpoint = this.#byPath.get(target.path)
    const mutates = endpoint?.mutates ?? false
    const refusal = refusalOf({ headers: request.headers, mutates }, this.#onLoopback)
    if (refusal !== undefined) return textReply(`${refusal}\n`, 403)
    if (endpoint === undefined) return textReply(`invalid path. admin commands are:\n${helpText(this.#endpoints)}`, 404)
    if (mutates && request.method !== 'POST')
      return textReply(`Method ${request.method} not allowed, POST required.`, 405)
    let query = new QueryParams(target.query)
    if (mutates && query.size === 0 && isForm(request)) {
      const form = await formText(request)
      if (form === undefined)
        return { ...textReply(`a form may have ${formLimitBytes} bytes\n`, 413), headers: { connection: 'close' } }
      query = new QueryParams(form)
    } else request.resume()
    const asked: AdminRequest = { method: request.method ?? 'GET', path: target.path, query }
    return endpoint.answer(asked)
  }
}

/** A pipe has no name to rebind, and no browser reaches it. */
function isLoopback({ family, ip }: AddressInfo): boolean {
  return family === 'ipv4' ? ip.startsWith('127.') : family === 'ipv6' && (ip === '::1' || ip.startsWith('::ffff:127.'))
}

/** The request target in origin form, slashes merged and without a fragment. */
function targetOf(url: string): { path: string; query: string; full: string } {
  const origin = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]*/.exec(url)?.[0] ?? ''
  const hash = url.indexOf('#')
  const target = url.slice(origin.length, hash < 0 ? undefined : hash)
  const mark = target.indexOf('?')
  const path = (mark < 0 ? target : target.slice(0, mark)).replace(/\/{2,}/g, '/') || '/'
  const query = mark < 0 ? '' : target.slice(mark + 1)
  return { path, query, full: mark < 0 ? path : `${path}?${query}` }
}

function isForm(request: IncomingMessage): boolean {
  return (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')
}

/** Undefined where it is too long or breaks off. */
function formText(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      // What comes behind the limit is read and thrown away, so that the refusal reaches the client.
      if (length <= formLimitBytes) chunks.push(chunk)
      else resolve(undefined)
    })
    // In forms a plus is a space.
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8').replaceAll('+', '%20')))
    request.once('close', () => resolve(undefined))
  })
}

/** Writes as fast as the client reads; the number of body bytes. */
async function send(response: ServerResponse, reply: AdminReply): Promise<number> {
  // Envoy speaks of the connection only where it ends.
  if (response.shouldKeepAlive) response.removeHeader('connection')
  response.writeHead(reply.status, {
    'content-type': reply.contentType,
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
    ...reply.headers,
    server: 'envoy',
  })
  let bytes = 0
  const chunks = typeof reply.body === 'string' ? [reply.body] : reply.body
  for await (const chunk of chunks) {
    if (response.destroyed) return bytes
    if (chunk.length === 0) {
      await setImmediate()
      continue
    }
    bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length
    if (!response.write(chunk)) await drained(response)
  }
  if (response.destroyed) return bytes
  const finished = new Promise<void>((resolve) => {
    response.once('finish', resolve)
    response.once('close', resolve)
  })
  response.end()
  await finished
  return bytes
}

function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
  })
}
