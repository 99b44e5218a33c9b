/** One suite of the corpus as tests: both proxies must agree, and Envoy must still do what verdicts.json says. */
import { defineSuite } from '../define_suite.ts'
import { corpusSuites } from './corpus_suite.ts'
import { readVerdicts, verdictOf } from './verdicts.ts'

const REMAKE = 'remake it with: node test/parity/malformed/record.ts'

export function defineCorpusSuite(index: number): void {
  const verdicts = readVerdicts()
  defineSuite(corpusSuites[index], (one, seen) => {
    // How much of a request has reached the backend when the rest turns out bad is a race inside Envoy itself.
    const recorded = JSON.stringify({ ...verdicts[one.name], upstream: undefined })
    const now = JSON.stringify({ ...verdictOf(seen), upstream: undefined })
    if (recorded === now) return undefined
    return `${one.name}: verdicts.json is not what Envoy does; ${REMAKE}\n- ${recorded}\n+ ${now}`
  })
}
