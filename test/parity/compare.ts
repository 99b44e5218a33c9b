/** Compares what was seen on two proxies and prints the difference so that a reader sees it at once. */
import { type AcceptedDifference, acceptedDifferences } from './accepted_differences.ts'
import type { Observation } from './case.ts'

export type ObservedField = keyof Observation

const FIELDS: readonly ObservedField[] = ['received', 'connection', 'upstream', 'accessLog', 'stats', 'admin']
const CONTEXT = 40

export interface Difference {
  field: ObservedField
  expected: string
  actual: string
}

export function differences(expected: Observation, actual: Observation): Difference[] {
  const found: Difference[] = []
  for (const field of FIELDS) {
    const wanted = asText(expected[field])
    const got = asText(actual[field])
    if (wanted !== got) found.push({ field, expected: wanted, actual: got })
  }
  return found
}

/** Leaves out what the list accepts for this case. */
export function unaccepted(caseName: string, found: readonly Difference[]): Difference[] {
  return found.filter((difference) => acceptedFor(caseName, difference.field) === undefined)
}

/** What is accepted of a case is accepted over every transport. */
export function acceptedFor(caseName: string, field: ObservedField): AcceptedDifference | undefined {
  const names = [caseName, caseName.replace(/^h[12](?: TLS)? to h[12](?: TLS)?: /, '')]
  return acceptedDifferences.find(
    (accepted) =>
      accepted.fields.includes(field) && accepted.cases.some((pattern) => names.some((name) => matches(pattern, name))),
  )
}

function matches(pattern: string, caseName: string): boolean {
  return pattern.endsWith('*') ? caseName.startsWith(pattern.slice(0, -1)) : pattern === caseName
}

/** A report of the lines that differ: `-` Envoy, `+` the other. */
export function report(caseName: string, found: readonly Difference[], names = ['envoy', 'nuncio']): string {
  const parts = [`${caseName}  (- ${names[0]}, + ${names[1]})`]
  for (const { field, expected, actual } of found) parts.push(`  ${field}:`, ...diffLines(expected, actual))
  return parts.join('\n')
}

function diffLines(expected: string, actual: string): string[] {
  const wanted = linesOf(expected)
  const got = linesOf(actual)
  const table = commonSuffixLengths(wanted, got)
  const lines: string[] = []
  let i = 0
  let j = 0
  while (i < wanted.length || j < got.length) {
    if (i < wanted.length && j < got.length && wanted[i] === got[j]) {
      lines.push(`      ${shorten(wanted[i])}`)
      i += 1
      j += 1
    } else if (j >= got.length || (i < wanted.length && table[i + 1][j] >= table[i][j + 1])) {
      lines.push(`    - ${shorten(wanted[i], got[j])}`)
      i += 1
    } else {
      lines.push(`    + ${shorten(got[j], wanted[i])}`)
      j += 1
    }
  }
  return lines
}

/** A long list of operators is shown one by one. */
function linesOf(text: string): string[] {
  return text.split('\n').flatMap((line) => (line.length > 400 ? line.split(' | ') : [line]))
}

/** Longest-common-subsequence lengths of the suffixes of two lists of lines. */
function commonSuffixLengths(a: readonly string[], b: readonly string[]): number[][] {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1])
    }
  }
  return table
}

/** Cuts long lines around the first character that differs from `other`. */
function shorten(line: string, other = line): string {
  const shown = JSON.stringify(line).slice(1, -1).replaceAll('\\"', '"')
  if (shown.length <= 400) return shown
  let at = 0
  while (at < line.length && line[at] === other[at]) at += 1
  const from = Math.max(0, at - CONTEXT)
  return `...${JSON.stringify(line.slice(from, at + 300)).slice(1, -1)}... (${line.length} characters)`
}

function asText(value: Observation[ObservedField]): string {
  return typeof value === 'string' ? value : value.join('\n---\n')
}
