// Prints "N passed, N failed" from the JSON that vitest wrote; fails where a test failed or none ran.
import { readFileSync } from 'node:fs'

const text = readFileSync(process.argv[2], 'utf8')
if (text === '') {
  console.error('the test runner wrote no results')
  process.exit(1)
}
const results = JSON.parse(text)
const passed = results.numPassedTests
// A file that cannot even be loaded has no test that could fail.
const brokenFiles = results.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
)
for (const file of brokenFiles) console.error(`${file.name}: ${file.message || 'failed outside of its tests'}`)
const failed = results.numFailedTests + brokenFiles.length
const skipped = results.numPendingTests
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exit(passed > 0 && failed === 0 ? 0 : 1)
