import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type KeptScenario, mergeResults, pages, readResults, withTable } from '../../bench/results.ts'
import { allScenarios } from '../../bench/scenarios/all_scenarios.ts'

const kept = (name: string, nuncio: number): KeptScenario => ({
  name,
  title: `the ${name}`,
  how: 'wrk',
  figures: [
    { name: 'rate', unit: '/s', samples: { nuncio: [nuncio], envoy: [100] }, goal: { of: 'ratio', atLeast: 1.5 } },
    { name: 'cost', unit: 's', samples: { nuncio: [1], envoy: [2], nginx: [0.5] } },
  ],
})

describe('the kept figures', () => {
  it.each(pages.map((page) => [page.path, page] as const))('stand in %s as in figures.json', (path, { table }) => {
    const text = readFileSync(path, 'utf8')
    expect(text).toBe(withTable(text, table(readResults())))
  })

  it('are of scenarios that there are', () => {
    const names = allScenarios.map(({ name }) => name)
    expect(readResults().filter(({ name }) => !names.includes(name))).toEqual([])
  })

  it('are replaced scenario by scenario, in the order of the list', () => {
    const merged = mergeResults(
      [kept('a', 1), kept('c', 2), kept('gone', 1)],
      [kept('b', 3), kept('a', 4)],
      ['a', 'b', 'c'],
    )
    expect(merged.map(({ name, figures }) => [name, figures[0].samples.nuncio])).toEqual([
      ['a', [4]],
      ['b', [3]],
      ['c', [2]],
    ])
  })

  it('become a short table of what was wanted and a long one of all', () => {
    const [short, full] = pages.map((page) => page.table([kept('a', 160)]))
    expect(short).toContain("| the a: rate | 160/s | 1.60 | at least 1.5 x Envoy's |")
    expect(short).not.toContain('cost')
    expect(full).toContain("| `a` | rate | 1.60 | at least 1.5 x Envoy's: reached |  |  | 160/s, 100/s |")
    expect(full).toContain('| `a` | cost | 0.50 |  | 0.25 |  | 1.00 s, 2.00 s, 0.500 s |')
    expect(full).toContain('Measured with wrk.')
  })
})
