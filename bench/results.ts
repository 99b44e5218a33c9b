// The figures that were kept: `figures.json`, and the tables made from it in README.md and bench/README.md.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Figure, goalText, numberText, ratioToEnvoy, reachesGoal, spreadOf, spreadText } from './figure.ts'
import { proxyNames } from './processes.ts'

export interface KeptScenario {
  readonly name: string
  readonly title: string
  /** How it was measured: tool, seconds, connections, cores. */
  readonly how: string
  readonly figures: readonly Figure[]
}

const repository = join(import.meta.dirname, '..')
const resultPath = join(import.meta.dirname, 'figures.json')
/** The commands that write the tables of a page, by the word in the table's marks. */
const commands = {
  figures: 'npm run bench -- --write',
  load_balancing: 'node bench/micro/load_balancing.ts --write',
} as const

export function readResults(): KeptScenario[] {
  return existsSync(resultPath) ? (JSON.parse(readFileSync(resultPath, 'utf8')) as KeptScenario[]) : []
}

/** Puts the new in the place of those of the same name, in the order of the names. */
export function mergeResults(
  kept: readonly KeptScenario[],
  added: readonly KeptScenario[],
  order: readonly string[],
): KeptScenario[] {
  const all = new Map([...kept, ...added].map((scenario) => [scenario.name, scenario]))
  return order.flatMap((name) => all.get(name) ?? [])
}

export function writeResults(results: readonly KeptScenario[]): void {
  writeFileSync(resultPath, `${JSON.stringify(results.map(roundSamples), undefined, 1)}\n`)
  for (const page of pages)
    writeFileSync(page.path, withTable(readFileSync(page.path, 'utf8'), page.table(readResults())))
}

/** Where the tables stand, and how each is made. */
export const pages = [
  { path: join(repository, 'README.md'), table: shortTable },
  { path: join(repository, 'bench/README.md'), table: fullTable },
] as const

/** The page with the table between its two marks; throws where they are missing. */
export function withTable(page: string, table: string, name: keyof typeof commands = 'figures'): string {
  const begin = `<!-- ${name}: written by \`${commands[name]}\` -->`
  const end = `<!-- /${name} -->`
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`there is no place for the figures: ${begin} ... ${end}`)
  return `${page.slice(0, from)}${begin}\n${table}\n${page.slice(to)}`
}

/** Nuncio beside Envoy, where there is a goal. */
function shortTable(results: readonly KeptScenario[]): string {
  const rows = results.flatMap(({ title, figures }) =>
    figures
      .filter((figure) => figure.goal !== undefined)
      .map((figure) =>
        row([`${title}: ${figure.name}`, medianOf(figure), ratioOf(figure, 'nuncio'), goalText(figure)]),
      ),
  )
  return [row(['', 'Nuncio', "times Envoy's", 'wanted']), '|---|---|---|---|', ...rows].join('\n')
}

/** All figures, all proxies. */
function fullTable(results: readonly KeptScenario[]): string {
  const rows = results.flatMap(({ name, figures }) =>
    figures.map((figure) =>
      row([
        `\`${name}\``,
        figure.name,
        ratioOf(figure, 'nuncio'),
        goalOf(figure),
        ratioOf(figure, 'nginx'),
        ratioOf(figure, 'haproxy'),
        proxyNames.flatMap((proxy) => medianOf(figure, proxy) || []).join(', '),
      ]),
    ),
  )
  const head = [
    'scenario',
    'figure',
    'Nuncio : Envoy',
    'wanted',
    'nginx : Envoy',
    'HAProxy : Envoy',
    'medians: Nuncio, Envoy, nginx, HAProxy',
  ]
  const how = [...new Set(results.map((scenario) => scenario.how))].map((text) => `Measured with ${text}.`)
  return [row(head), `|${'---|'.repeat(head.length)}`, ...rows, '', ...how].join('\n')
}

function ratioOf(figure: Figure, proxy: 'nuncio' | 'nginx' | 'haproxy'): string {
  const ratio = ratioToEnvoy(figure, proxy)
  return ratio === undefined ? '' : spreadText(ratio)
}

function medianOf(figure: Figure, proxy: (typeof proxyNames)[number] = 'nuncio'): string {
  const samples = figure.samples[proxy]
  if (samples === undefined || samples.length === 0) return ''
  const text = numberText(spreadOf(samples).median)
  return figure.unit.startsWith('/') ? `${text}${figure.unit}` : `${text} ${figure.unit}`.trimEnd()
}

function goalOf(figure: Figure): string {
  const reached = reachesGoal(figure)
  return reached === undefined ? goalText(figure) : `${goalText(figure)}: ${reached ? 'reached' : 'missed'}`
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** Four digits are more than these figures are good for. */
function roundSamples(scenario: KeptScenario): KeptScenario {
  const figures = scenario.figures.map((figure) => ({
    ...figure,
    samples: Object.fromEntries(
      Object.entries(figure.samples).map(([name, values]) => [
        name,
        values.map((value) => Number(value.toPrecision(4))),
      ]),
    ),
  }))
  return { ...scenario, figures }
}
