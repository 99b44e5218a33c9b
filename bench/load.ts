// Drives one port with as many requests as it takes: HTTP/1 by wrk where it is installed, else by autocannon; HTTP/2 by
// h2load, else by a client of our own, which also makes the gRPC calls.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Http2LoadResult, LoadKind } from './clients/http2_load.ts'
import { hasCommand } from './processes.ts'

export interface Load {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly seconds: number
  /** Each request carries a body of 16 KiB. */
  readonly uploads: boolean
  /** Each request comes on a connection of its own. */
  readonly newConnections: boolean
  readonly tls: boolean
  readonly protocol: 'http1' | 'http2' | 'grpc_unary' | 'grpc_streaming'
  /** Of HTTP/2: how many at once on each connection. */
  readonly streams: number
  /** Of an answer, or of a gRPC message. */
  readonly bodyBytes: number
}

export interface LoadResult {
  readonly perSecond: number
  readonly total: number
}

const uploadBytes = 16_384

const hasWrk = hasCommand('wrk')
const hasH2load = hasCommand('h2load')
const ownClient = join(import.meta.dirname, 'clients/http2_load.ts')

/** In words. */
export const loadGenerators = `${hasWrk ? 'wrk' : 'autocannon'} and ${hasH2load ? 'h2load' : 'our own HTTP/2 client'}`

/** Throws where an answer is missing or is not 2xx: figures of a broken run mean nothing. */
export async function drive(load: Load): Promise<LoadResult> {
  const result = await driverOf(load)(load)
  if (result.total === 0) throw new Error('the load got no answer')
  return result
}

function driverOf({ protocol }: Load): (load: Load) => Promise<LoadResult> {
  if (protocol === 'http1') return hasWrk ? driveByWrk : driveByAutocannon
  return protocol === 'http2' && hasH2load ? driveByH2load : driveByOwnClient
}

async function driveByWrk(load: Load): Promise<LoadResult> {
  const args = ['-t1', `-c${load.connections}`, `-d${load.seconds}`]
  if (load.uploads) args.push('-s', join(import.meta.dirname, 'upload_16k.lua'))
  if (load.newConnections) args.push('-H', 'Connection: close')
  const text = await output('wrk', [...args, urlOf(load)])
  if (/Non-2xx|Socket errors/.test(text)) throw new Error(`the load met errors:\n${text}`)
  return {
    perSecond: numberIn(text, /Requests\/sec:\s+([\d.]+)/),
    total: numberIn(text, /(\d+) requests in/),
  }
}

interface AutocannonResult {
  readonly requests: { readonly average: number; readonly total: number }
  readonly non2xx: number
  readonly errors: number
}

async function driveByAutocannon(load: Load): Promise<LoadResult> {
  const program = fileURLToPath(import.meta.resolve('autocannon'))
  const args = [program, '-j', '-n', '-c', String(load.connections), '-d', String(load.seconds)]
  if (load.uploads) args.push('-m', 'POST', '-b', 'x'.repeat(uploadBytes))
  if (load.newConnections) args.push('-H', 'Connection=close')
  const result = JSON.parse(await output(process.execPath, [...args, urlOf(load)])) as AutocannonResult
  // It writes its next request before it sees that a connection ends: the reset of that one is no answer missing.
  const errors = load.newConnections ? 0 : result.errors
  if (result.non2xx + errors > 0) throw new Error(`the load met ${result.non2xx + errors} errors`)
  return { perSecond: result.requests.average, total: result.requests.total }
}

async function driveByH2load(load: Load): Promise<LoadResult> {
  const { connections, streams, seconds } = load
  const text = await output('h2load', ['-t1', `-c${connections}`, `-m${streams}`, `-D${seconds}`, urlOf(load)])
  const total = numberIn(text, /status codes: (\d+) 2xx/)
  const failed = /, [1-9]\d* (failed|errored|timeout)|, [1-9]\d* [345]xx/.exec(text)
  if (failed !== null) throw new Error(`the load met errors:\n${text}`)
  return { perSecond: numberIn(text, /, ([\d.]+) req\/s/), total }
}

const ownKinds: Readonly<Record<string, LoadKind>> = { grpc_unary: 'unary', grpc_streaming: 'streaming' }

async function driveByOwnClient(load: Load): Promise<LoadResult> {
  const { protocol, port, connections, streams, seconds, bodyBytes } = load
  const args = [ownClient, ownKinds[protocol] ?? 'get', port, connections, streams, seconds, bodyBytes]
  return JSON.parse(await output(process.execPath, args.map(String))) as Http2LoadResult
}

function urlOf(load: Load): string {
  return `http${load.tls ? 's' : ''}://127.0.0.1:${load.port}${load.path}`
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)
  if (found === null) throw new Error(`no ${pattern.source} in:\n${text}`)
  return Number(found[1])
}

/** Standard output of a command; throws where it fails. */
export function output(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(text)
      else reject(new Error(`${command} ended with ${code}:\n${errors}`))
    })
  })
}
