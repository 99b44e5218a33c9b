/** Runs once before all tests: installs real Envoy where it is missing, before several test files try that at once. */
import { ensureEnvoy } from './ensure_envoy.ts'

/** In CI nothing runs without Envoy; elsewhere only the tests that need it fail. */
export function setup(): void {
  try {
    ensureEnvoy()
  } catch (error) {
    if (process.env['CI'] !== undefined) throw error
    console.error((error as Error).message)
  }
}
