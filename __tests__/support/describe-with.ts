/* oxlint-disable jest/no-export -- chooses how the tests of others are registered */
import { describe, expect, it } from '@jest/globals'

/** `describe` where the server is installed; elsewhere a failure in CI, and skipped on a desk. */
export function describeWith(installed: boolean, advice: string) {
  if (installed) return describe
  if (!process.env.CI) return describe.skip
  return (name: string, _tests: () => void): void => {
    describe(`${name}, which needs a server`, () => {
      it('finds it installed', () => {
        expect(advice).toBe('')
      })
    })
  }
}
