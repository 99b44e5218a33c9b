/** Runs properties in a time box, from a seed that a failure prints; `NUNCIO_FUZZ_SECONDS=60` looks further. */
import fc from 'fast-check'

/** The same inputs in each run unless told otherwise: what fails here fails for everybody. */
const defaultSeed = 40_2026
const defaultSeconds = 1.5

const seconds = Number(process.env['NUNCIO_FUZZ_SECONDS'] ?? defaultSeconds)
const seed = Number(process.env['NUNCIO_FUZZ_SEED'] ?? defaultSeed)

/** For the test's own time limit. */
export const propertyTimeoutMs = seconds * 1000 + 30_000

function parameters(): fc.Parameters<unknown> {
  return {
    seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
    skipAllAfterTimeLimit: (seconds + 20) * 1000,
  }
}

export function check<T>(arbitrary: fc.Arbitrary<T>, predicate: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, predicate), parameters() as fc.Parameters<[T]>)
}

export async function checkAsync<T>(arbitrary: fc.Arbitrary<T>, predicate: (value: T) => Promise<void>): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, predicate), parameters() as fc.Parameters<[T]>)
}
