/** `npm run corpus -- FOLDER`: the table of a folder of bootstraps; ends with 1 where Nuncio and Envoy disagree. */
import { parseArgs } from 'node:util'
import { compareFolder } from './corpus.ts'
import { renderBeyondReach, renderDisagreements, renderTable } from './report.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { envoy: { type: 'boolean', default: false } },
})
if (positionals.length !== 1) {
  console.error('usage: npm run corpus -- [--envoy] FOLDER   (--envoy: ask Envoy itself, whatever verdicts.tsv says)')
  process.exit(2)
}
const comparisons = compareFolder(positionals[0], values.envoy)
const disagreements = comparisons.filter(({ agrees }) => !agrees)
console.log(`${comparisons.length} bootstraps\n\n${renderTable(comparisons)}\n`)
console.log(`beyond reach, by what is wanted:\n${renderBeyondReach(comparisons)}\n`)
console.log(`${disagreements.length} disagreements\n${renderDisagreements(comparisons)}`)
process.exit(disagreements.length === 0 && comparisons.length > 0 ? 0 : 1)
