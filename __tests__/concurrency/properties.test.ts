import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import type { Library } from '../support/drill-app.ts'
import { plan, type Plan } from '../support/drill-plan.ts'
import { startDrillTime, type DrillTime } from '../support/drill-time.ts'
import { runDrill } from '../support/drill.ts'

const schedules = 2_000
const start = Date.UTC(2030, 0)

let time: DrillTime
let library: Library
const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)

jest.unstable_mockModule('node:timers/promises', () => ({
  setTimeout: (...args: Parameters<DrillTime['wait']>) => time.wait(...args),
}))

beforeAll(async () => {
  process.on('unhandledRejection', note)
  library = await import('../../lib/index.ts')
})
afterAll(() => {
  process.off('unhandledRejection', note)
})

async function complaintsAbout(one: Plan): Promise<readonly string[]> {
  time = startDrillTime(start)
  try {
    return await runDrill(one, { library, time })
  } finally {
    time.restore()
  }
}

test(`${schedules} schedules of pages, refreshes, sign-ins and sign-outs keep the invariants`, async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (one) => {
      expect(await complaintsAbout(one)).toEqual([])
      expect(unhandled).toEqual([])
    }),
    { numRuns: schedules },
  )
}, 240_000)
