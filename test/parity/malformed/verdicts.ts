/** The recorded verdicts of real Envoy on the corpus: one short entry a case, kept in verdicts.json. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Observation } from '../case.ts'

const PATH = join(import.meta.dirname, 'verdicts.json')
const LONG_TEXT = 700

export interface Verdict {
  /** What the client received, long texts cut in the middle. */
  received: string
  connection: 'open' | 'closed'
  /** `code details flags protocol` of each access-log line. */
  log: string[]
  upstream: string[]
}

export function verdictOf(observation: Observation): Verdict {
  return {
    received: shorten(observation.received),
    connection: observation.connection === 'open' ? 'open' : 'closed',
    log: observation.accessLog,
    upstream: observation.upstream.map(shorten),
  }
}

export function readVerdicts(): Record<string, Verdict> {
  return JSON.parse(readFileSync(PATH, 'utf8')) as Record<string, Verdict>
}

/** Written as the project's formatter wants it. */
export function writeVerdicts(verdicts: Record<string, Verdict>): void {
  writeFileSync(PATH, `${JSON.stringify(verdicts, undefined, 2)}\n`)
  const formatter = join(import.meta.dirname, '../../../node_modules/.bin/biome')
  const { status, stderr } = spawnSync(formatter, ['format', '--write', PATH], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cannot format ${PATH}: ${stderr}`)
}

/** Runs of one byte are counted instead of written out; what is still long is cut. */
function shorten(text: string): string {
  const counted = text.replace(/(.)\1{49,}/g, (run: string, byte: string) => `${byte}{${run.length}}`)
  if (counted.length <= LONG_TEXT) return counted
  return `${counted.slice(0, LONG_TEXT / 2)}...${counted.slice(-LONG_TEXT / 2)} (${counted.length})`
}
