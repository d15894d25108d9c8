/* oxlint-disable jest/no-export -- chooses how the tests of others are registered */
import { describe, expect, it } from '@jest/globals'

/** `describe` where a program is installed; elsewhere a failure in CI, and said and skipped on a desk. */
export function describeWith(installed: boolean, advice: string) {
  if (installed) return describe
  if (!process.env['CI']) {
    console.warn(`Skipped: ${advice}`)
    // A desk without the program must still be able to run the rest; CI never comes here.
    return describe.skip
  }
  return (name: string, _tests: () => void): void => {
    describe(`${name}, which needs a program`, () => {
      it('finds it installed', () => {
        expect(advice).toBe('')
      })
    })
  }
}
