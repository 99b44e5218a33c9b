// Input of `iptables-restore --noflush`: each table is changed as a whole or not at all.

import { chainPrefix, type Table } from './rules.ts'

/**
 * Takes away what is of ours in `saved` (the output of `iptables-save`), and adds the tables. The same tables twice give
 * the same rules as once. Empty where there is nothing to do.
 */
export function restoreText(saved: string, tables: readonly Table[]): string {
  const present = savedTables(saved)
  const names = [...new Set([...present.keys(), ...tables.map(({ name }) => name)])]
  const sections = names.flatMap((name) => {
    const rules = tables.find((table) => table.name === name)?.rules ?? []
    const { chains = [], jumps = [] } = present.get(name) ?? {}
    if (rules.length + chains.length + jumps.length === 0) return []
    const wanted = [...new Set(rules.flatMap(ownChains))]
    const gone = chains.filter((chain) => !wanted.includes(chain))
    return [
      `*${name}`,
      // A chain that is named so is made, or emptied.
      ...[...wanted, ...gone].map((chain) => `:${chain} - [0:0]`),
      ...jumps.map((rule) => `-D ${rule}`),
      ...rules.map((rule) => `-A ${rule}`),
      ...gone.map((chain) => `-X ${chain}`),
      'COMMIT',
    ]
  })
  return sections.length === 0 ? '' : `${sections.join('\n')}\n`
}

interface Saved {
  readonly chains: string[]
  /** Rules of other chains that lead to ours, without `-A `. */
  readonly jumps: string[]
}

function savedTables(saved: string): Map<string, Saved> {
  const tables = new Map<string, Saved>()
  let table: Saved | undefined
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) {
      table = { chains: [], jumps: [] }
      tables.set(line.slice(1).trim(), table)
    } else if (line.startsWith(`:${chainPrefix}`)) table?.chains.push(line.slice(1, line.indexOf(' ')))
    else if (line.startsWith('-A ') && !line.startsWith(`-A ${chainPrefix}`) && line.includes(` -j ${chainPrefix}`))
      table?.jumps.push(line.slice('-A '.length))
  }
  return tables
}

function ownChains(rule: string): string[] {
  return rule.split(' ').filter((word) => word.startsWith(chainPrefix))
}
