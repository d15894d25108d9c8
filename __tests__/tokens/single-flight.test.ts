import { describe, expect, it } from '@jest/globals'
import { singleFlight } from '../../lib/tokens/single-flight.ts'

/** Work whose every run the test ends by hand. */
function createWork() {
  const runs: { end: (value: string) => void; fail: (error: Error) => void }[] = []
  const work = () =>
    new Promise<string>((resolve, reject) => {
      runs.push({ end: resolve, fail: reject })
    })
  return { runs, work }
}

describe('work for many', () => {
  it('is done once for all who ask for it while it is under way', async () => {
    const flights = singleFlight<string>()
    const { runs, work } = createWork()
    const results = [flights.run('a', work), flights.run('a', work), flights.run('a', work)]
    expect(runs).toHaveLength(1)
    runs[0]?.end('done')
    expect(await Promise.all(results)).toEqual(['done', 'done', 'done'])
  })

  it('is done again for whoever asks after it has ended', async () => {
    const flights = singleFlight<string>()
    const { runs, work } = createWork()
    const first = flights.run('a', work)
    runs[0]?.end('first')
    await first
    const second = flights.run('a', work)
    runs[1]?.end('second')
    expect([await first, await second]).toEqual(['first', 'second'])
  })

  it('is done apart for different keys', async () => {
    const flights = singleFlight<string>()
    const { runs, work } = createWork()
    const results = [flights.run('a', work), flights.run('b', work)]
    runs[1]?.end('for b')
    runs[0]?.end('for a')
    expect(await Promise.all(results)).toEqual(['for a', 'for b'])
  })

  it('fails for all who waited, and is tried anew by the next', async () => {
    const flights = singleFlight<string>()
    const { runs, work } = createWork()
    const results = [flights.run('a', work), flights.run('a', work)]
    runs[0]?.fail(new Error('down'))
    const outcomes = await Promise.allSettled(results)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    const again = flights.run('a', work)
    runs[1]?.end('up')
    expect(await again).toBe('up')
  })

  it('may be asked for anew from within its own end', async () => {
    const flights = singleFlight<number>()
    const again = flights.run('a', async () => 1).then(() => flights.run('a', async () => 2))
    expect(await again).toBe(2)
  })
})
