// Measures Nuncio beside real Envoy, and nginx and HAProxy where they are installed: `npm run bench -- [scenario ...]`.

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { loadGenerators } from './load.ts'
import { installedProxies, type ProxyName, proxyNames } from './processes.ts'
import { renderScenario } from './report.ts'
import { type KeptScenario, mergeResults, readResults, writeResults } from './results.ts'
import type { BenchOptions } from './rounds.ts'
import { allScenarios } from './scenarios/all_scenarios.ts'
import type { Scenario } from './scenarios/scenario.ts'

const usage = `usage: npm run bench -- [OPTION ...] [SCENARIO ...]
  --seconds N       length of one run (4)
  --rounds N        rounds of A B .. B A (2)
  --connections N   of the load generator (64)
  --proxies A,B     some of ${proxyNames.join(',')} (all that are installed)
  --write           keep the figures in bench/figures.json, and the tables of the READMEs
scenarios: ${allScenarios.map(({ name }) => name).join(' ')} (all)`

interface Command {
  readonly options: BenchOptions
  readonly scenarios: readonly Scenario[]
  readonly write: boolean
}

function parseCommand(args: string[]): Command {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '2' },
      connections: { type: 'string', default: '64' },
      proxies: { type: 'string', default: installedProxies().join(',') },
      write: { type: 'boolean', default: false },
    },
  })
  const names = allScenarios.map(({ name }) => name)
  const unknown = positionals.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`there is no scenario '${unknown}'`)
  const options: BenchOptions = {
    seconds: wholeNumber('seconds', values.seconds),
    rounds: wholeNumber('rounds', values.rounds),
    connections: wholeNumber('connections', values.connections),
    proxies: values.proxies.split(',').map(proxyName),
  }
  const scenarios = allScenarios.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  return { options, scenarios, write: values.write }
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} needs a whole number of at least 1, not '${text}'`)
  return Number(text)
}

function proxyName(text: string): ProxyName {
  const found = proxyNames.find((name) => name === text)
  if (found === undefined) throw new Error(`there is no proxy '${text}'`)
  return found
}

async function run({ options, scenarios, write }: Command): Promise<void> {
  const { seconds, rounds, connections, proxies } = options
  const how = `${loadGenerators}, ${connections} connections, ${2 * rounds} runs of ${seconds} s each, ${availableParallelism()} cores for proxy, load and backend`
  console.log(`${proxies.join(', ')}; ${how}\n`)
  const measured: KeptScenario[] = []
  for (const { name, title, run } of scenarios) {
    const figures = await run(options)
    console.log(`${renderScenario(`${name}: ${title}`, figures)}\n`)
    measured.push({ name, title, how, figures })
  }
  const order = allScenarios.map(({ name }) => name)
  if (write) writeResults(mergeResults(readResults(), measured, order))
}

let command: Command
try {
  command = parseCommand(process.argv.slice(2))
} catch (error) {
  console.error(`${(error as Error).message}\n${usage}`)
  process.exit(1)
}
await run(command)
process.exit(0)
