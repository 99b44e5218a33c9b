/** Remakes verdicts.json from live Envoy: `node test/parity/malformed/record.ts`. Runs the corpus twice and keeps only stable results. */
import { SuiteDriver } from '../driver.ts'
import { corpusSuites } from './corpus_suite.ts'
import { type Verdict, verdictOf, writeVerdicts } from './verdicts.ts'

const verdicts: Record<string, Verdict> = {}
const unstable: string[] = []

for (const suite of corpusSuites) {
  const drivers = [await SuiteDriver.start(suite, 'envoy'), await SuiteDriver.start(suite, 'envoy')]
  try {
    for (const one of suite.cases) {
      const [quick, patient] = await Promise.all([drivers[0].run(one), drivers[1].run(one, 3)])
      const verdict = verdictOf(patient)
      if (JSON.stringify(verdictOf(quick)) !== JSON.stringify(verdict)) {
        unstable.push(one.name)
        console.error(`unstable: ${one.name}\n  ${JSON.stringify(verdictOf(quick))}\n  ${JSON.stringify(verdict)}`)
      }
      if (verdicts[one.name] !== undefined) throw new Error(`two cases are named ${one.name}`)
      verdicts[one.name] = verdict
    }
  } finally {
    for (const driver of drivers) await driver.stop()
  }
}
writeVerdicts(verdicts)
console.log(`${Object.keys(verdicts).length} verdicts, ${unstable.length} unstable`)
process.exit(unstable.length === 0 ? 0 : 1)
