/** Runs `--mode validate` of a proxy on one text and tells whether it was accepted. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandPrefix, type ProxyKind } from '../../support/proxy_process.ts'
import type { VerdictCase } from './verdict_cases.ts'

const TIMEOUT_MS = 20_000

export interface ValidateResult {
  accepted: boolean
  /** Standard output and error together. */
  output: string
}

export async function validate(kind: ProxyKind, one: VerdictCase): Promise<ValidateResult> {
  const folder = mkdtempSync(join(tmpdir(), 'validate-'))
  try {
    const path = join(folder, `config.${one.extension ?? 'yaml'}`)
    writeFileSync(path, one.yaml)
    const args = [...commandPrefix(kind), '--mode', 'validate', '-c', path, '-l', 'warning', ...(one.flags ?? [])]
    const child = spawn(args[0], args.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
    let output = ''
    const collect = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    if (code !== 0 && code !== 1) throw new Error(`${kind} ended with ${code ?? signal}: ${output.slice(-2000)}`)
    return { accepted: code === 0, output }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
