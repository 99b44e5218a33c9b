// What a scenario is.

import type { Figure } from '../figure.ts'
import type { BenchOptions } from '../rounds.ts'

export interface Scenario {
  /** As named on the command line. */
  readonly name: string
  /** What is measured, in a few words. */
  readonly title: string
  run(options: BenchOptions): Promise<Figure[]>
}
