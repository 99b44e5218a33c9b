// HTTP requests as the examples' checks make them: one connection each, nothing followed, nothing decoded.
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type RequestOptions, request as requestSecurely } from 'node:https'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Echo } from './backends.ts'
import type { ExampleProxy } from './example.ts'

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

const timeoutMs = 10_000
const betweenAsksMs = 10

/** A GET of `path` on 127.0.0.1, with these headers (`host` among them). */
export function get(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return answerOf(path, (onResponse) => request({ host: '127.0.0.1', port, path, headers, agent: false }, onResponse))
}

/** A POST with this body. A byte of the answer's body is a character where it is no UTF-8 text. */
export function post(
  port: number,
  path: string,
  body: string | Buffer,
  headers: Record<string, string>,
): Promise<Answer> {
  return answerOf(path, (onResponse) => {
    const options = { host: '127.0.0.1', port, path, method: 'POST', agent: false as const }
    const sent = request({ ...options, headers: { ...headers, 'content-length': body.length } }, onResponse)
    sent.write(body)
    return sent
  })
}

/** A GET over TLS; `options` say what is trusted, what is shown, and by which name the server is asked for. */
export function getSecurely(port: number, path: string, options: RequestOptions): Promise<Answer> {
  return answerOf(path, (onResponse) =>
    requestSecurely({ host: '127.0.0.1', port, path, agent: false, ...options }, onResponse),
  )
}

function answerOf(
  path: string,
  send: (onResponse: (response: IncomingMessage) => void) => ClientRequest,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = send((response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`${path}: no answer in ${timeoutMs} ms`)))
    sent.on('error', reject)
    sent.end()
  })
}

/** As `get`, for answers of an `httpEcho` backend. */
export async function getEcho(port: number, path: string, headers: Record<string, string> = {}): Promise<Echo> {
  const { status, body } = await get(port, path, headers)
  if (status !== 200) throw new Error(`${path}: status ${status}: ${body}`)
  return JSON.parse(body) as Echo
}

/** What a TCP server sends back to a text, on a connection of its own; '' where that is closed. */
export function echoOf(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.on('close', () => resolve(''))
    socket.on('data', (data) => {
      resolve(String(data))
      socket.destroy()
    })
    socket.write(text)
  })
}

/** Asks again until something comes of it; throws, saying what was waited for, when that takes too long. */
export async function once<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const found = await ask().catch(() => undefined)
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await delay(betweenAsksMs)
  }
}

/** Asks again until it is so; throws as `once` does. */
export function until(what: string, holds: () => Promise<boolean>): Promise<true> {
  return once(what, async () => (await holds()) || undefined)
}

/** Asks so often, one after another. */
export async function times<T>(count: number, ask: () => Promise<T>): Promise<T[]> {
  const answers: T[] = []
  for (let i = 0; i < count; i++) answers.push(await ask())
  return answers
}

/** The port of a listener that may come, or change it, while the proxy runs. */
export function portOnce(proxy: ExampleProxy, listenerName: string): Promise<number> {
  return once(`listener ${listenerName} is there`, async () => {
    const { body } = await proxy.admin('/listeners?format=json')
    const { listener_statuses: found = [] } = JSON.parse(body) as { listener_statuses?: ListenerStatus[] }
    return found.find(({ name }) => name === listenerName)?.local_address.socket_address.port_value
  })
}

interface ListenerStatus {
  readonly name: string
  readonly local_address: { readonly socket_address: { readonly port_value: number } }
}
