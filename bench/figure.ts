// One measured figure of several proxies, and its ratio to Envoy's with the spread.

import type { ProxyName } from './processes.ts'

export interface Goal {
  /** `ratio` to Envoy's, or Nuncio's own `value`. */
  readonly of: 'ratio' | 'value'
  readonly atLeast?: number
  readonly atMost?: number
}

export interface Figure {
  readonly name: string
  /** Empty for a plain number. */
  readonly unit: string
  /** Of each proxy in the order measured: the samples of one index were taken next to each other. */
  readonly samples: Partial<Record<ProxyName, readonly number[]>>
  readonly goal?: Goal
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, least: sorted[0], most: sorted[sorted.length - 1] }
}

/** A proxy's samples, each divided by Envoy's of the same turn; undefined where one of them was not measured. */
export function ratioToEnvoy(figure: Figure, proxy: ProxyName): Spread | undefined {
  const own = figure.samples[proxy]
  const envoy = figure.samples.envoy
  if (own === undefined || envoy === undefined || own.length === 0 || own.length !== envoy.length) return undefined
  return spreadOf(own.map((value, index) => value / envoy[index]))
}

/** Whether Nuncio's median reaches the goal; undefined without a goal. */
export function reachesGoal(figure: Figure): boolean | undefined {
  const { goal, samples } = figure
  if (goal === undefined) return undefined
  const measured = goal.of === 'ratio' ? ratioToEnvoy(figure, 'nuncio') : spreadOf(samples.nuncio ?? [])
  if (measured === undefined) return undefined
  return measured.median >= (goal.atLeast ?? -Infinity) && measured.median <= (goal.atMost ?? Infinity)
}

export function goalText({ goal, unit }: Figure): string {
  if (goal === undefined) return ''
  const limit = goal.atLeast === undefined ? `at most ${goal.atMost}` : `at least ${goal.atLeast}`
  return goal.of === 'ratio' ? `${limit} x Envoy's` : `${limit} ${unit}`.trimEnd()
}

/** `1.52 (1.48 to 1.58)`, or `1.52` where they do not differ. */
export function spreadText({ median, least, most }: Spread): string {
  const range = `${least.toFixed(2)} to ${most.toFixed(2)}`
  return least.toFixed(2) === most.toFixed(2) ? median.toFixed(2) : `${median.toFixed(2)} (${range})`
}

/** Three digits that count: 0.0612, 1.52, 21,034. */
export function numberText(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  if (value >= 1) return value.toFixed(2)
  return value === 0 ? '0' : value.toPrecision(3)
}
