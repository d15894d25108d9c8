// @ts-check
import { readFileSync } from 'node:fs'

/**
 * @typedef {object} JestResults
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {number} numRuntimeErrorTestSuites files that failed before they could run a test
 */

const [, , file = ''] = process.argv
/** @type {JestResults} */
const results = JSON.parse(readFileSync(file, 'utf8'))

const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
const skipped = results.numPendingTests + results.numTodoTests

console.log(
  `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
)
if (failed > 0 || results.numPassedTests === 0) process.exitCode = 1
