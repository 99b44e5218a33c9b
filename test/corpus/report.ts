/** Prints the comparison of a corpus: the table, what is beyond reach and why, and every disagreement. */
import { type Comparison, isBeyondReach, type Outcome } from './corpus.ts'

const outcomes: readonly Outcome[] = ['accepted', 'refused', 'beyond reach']
const columnWidth = 16

export function renderTable(comparisons: readonly Comparison[]): string {
  const head = `${''.padEnd(columnWidth)}${outcomes.map((outcome) => `Nuncio: ${outcome}`.padStart(columnWidth + 6)).join('')}`
  const rows = [true, false].map((accepts) => {
    const those = comparisons.filter((each) => each.envoy.accepts === accepts)
    const counts = outcomes.map((outcome) => those.filter((each) => each.outcome === outcome).length)
    const cells = counts.map((count) => String(count).padStart(columnWidth + 6)).join('')
    return `${(accepts ? 'Envoy: accepted' : 'Envoy: refused').padEnd(columnWidth)}${cells}`
  })
  return [head, ...rows].join('\n')
}

/** What Nuncio lacks, by the number of bootstraps that want it. */
export function renderBeyondReach(comparisons: readonly Comparison[]): string {
  const counts = new Map<string, number>()
  for (const { outcome, nuncio } of comparisons) {
    if (outcome !== 'beyond reach') continue
    const reasons = new Set(nuncio.messages.filter(isBeyondReach).map((message) => message.replace(/^\S+ \S*: /, '')))
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  return sorted.map(([reason, count]) => `${String(count).padStart(5)}  ${reason}`).join('\n')
}

export function renderDisagreements(comparisons: readonly Comparison[]): string {
  return comparisons
    .filter(({ agrees }) => !agrees)
    .map(({ file, envoy, nuncio }) =>
      [
        file,
        ...lines('Envoy', envoy.accepts, envoy.messages),
        ...lines('Nuncio', nuncio.accepts, nuncio.messages),
      ].join('\n'),
    )
    .join('\n')
}

function lines(who: string, accepts: boolean, messages: readonly string[]): string[] {
  return [`  ${who} ${accepts ? 'accepts' : 'refuses'}`, ...messages.map((message) => `    ${message}`)]
}
