// Drives one port with as many requests as it takes: by wrk where it is installed, else by autocannon.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
}

export interface LoadResult {
  readonly perSecond: number
  readonly total: number
}

const uploadBytes = 16_384

export const loadGenerator = hasCommand('wrk') ? 'wrk' : 'autocannon'

/** Throws where an answer is missing or is not 2xx: figures of a broken run mean nothing. */
export async function drive(load: Load): Promise<LoadResult> {
  const result = await (loadGenerator === 'wrk' ? driveByWrk(load) : driveByAutocannon(load))
  if (result.total === 0) throw new Error('the load got no answer')
  return result
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

function urlOf(load: Load): string {
  return `http://127.0.0.1:${load.port}${load.path}`
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
