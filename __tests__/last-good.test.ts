import { afterEach, describe, expect, it } from '@jest/globals'
import { lastGood } from '../lib/last-good.ts'
import { advanceClock, resetClock } from './support/clock.ts'

afterEach(resetClock)

interface Load {
  readonly answer: (value: string) => void
  readonly fail: (reason: string) => void
}

/** A source whose every answer the test gives by hand. */
function createSource() {
  const loads: Load[] = []
  const cached = lastGood(
    () =>
      new Promise<string>((resolve, reject) => {
        loads.push({ answer: resolve, fail: (reason) => reject(new Error(reason)) })
      }),
    { maxAge: 60_000, retryAfter: 10_000 },
  )
  const last = () => loads.at(-1) as Load
  return { cached, loads, last }
}

/** Lets what the last answer has set off come to its end. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

async function createLoaded(value = 'first') {
  const source = createSource()
  const got = source.cached.get()
  source.last().answer(value)
  await got
  return source
}

describe('a value that is loaded when first wanted', () => {
  it('is loaded once for all who wait', async () => {
    const { cached, loads, last } = createSource()
    const waiting = [cached.get(), cached.get(), cached.reload(), cached.get()]
    last().answer('first')
    expect(await Promise.all(waiting)).toEqual(['first', 'first', 'first', 'first'])
    expect(loads).toHaveLength(1)
  })

  it('is not loaded before, and not looked for by peek', async () => {
    const { cached, loads, last } = createSource()
    expect(cached.peek()).toBeUndefined()
    expect(loads).toHaveLength(0)
    const got = cached.get()
    expect(cached.peek()).toBeUndefined()
    last().answer('first')
    await got
    expect(cached.peek()).toBe('first')
  })

  it('is kept for its age without another load', async () => {
    const { cached, loads } = await createLoaded()
    advanceClock(30_000)
    expect(await cached.get()).toBe('first')
    expect(loads).toHaveLength(1)
  })

  it('may be undefined or null', async () => {
    let loads = 0
    const cached = lastGood<null | undefined>(async () => void (loads += 1), {
      maxAge: 60_000,
      retryAfter: 10_000,
    })
    expect([await cached.get(), await cached.get()]).toEqual([undefined, undefined])
    expect(loads).toBe(1)
  })
})

describe('a failure', () => {
  it('reaches all who wait and is not remembered', async () => {
    const { cached, loads, last } = createSource()
    const waiting = [cached.get(), cached.get()]
    last().fail('down')
    const reasons = await Promise.allSettled(waiting)
    expect(reasons.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(cached.peek()).toBeUndefined()

    const again = cached.get()
    expect(loads).toHaveLength(2)
    last().answer('second')
    expect(await again).toBe('second')
  })

  it('thrown before there is a promise is one as well', async () => {
    let loads = 0
    const cached = lastGood<string>(
      async () => {
        loads += 1
        if (loads === 1) throw new Error('down')
        return 'second'
      },
      { maxAge: 60_000, retryAfter: 10_000 },
    )
    await expect(cached.get()).rejects.toThrow('down')
    expect(await cached.get()).toBe('second')
  })
})

describe('an old value', () => {
  it('serves on while it is renewed, with one load for all', async () => {
    const { cached, loads, last } = await createLoaded()
    advanceClock(60_000)
    expect(await Promise.all([cached.get(), cached.get()])).toEqual(['first', 'first'])
    expect(loads).toHaveLength(2)
    last().answer('second')
    await settled()
    expect(await cached.get()).toBe('second')
    expect(loads).toHaveLength(2)
  })

  it('is kept when its source fails, which is asked again only after a while', async () => {
    const { cached, loads, last } = await createLoaded()
    advanceClock(60_000)
    await cached.get()
    last().fail('down')
    await settled()
    expect(await cached.get()).toBe('first')
    advanceClock(5_000)
    expect(await cached.get()).toBe('first')
    expect(loads).toHaveLength(2)
    advanceClock(5_000)
    expect(await cached.get()).toBe('first')
    expect(loads).toHaveLength(3)
  })

  it('is kept when a reload fails, which rejects', async () => {
    const { cached, last } = await createLoaded()
    const reloaded = cached.reload()
    last().fail('down')
    await expect(reloaded).rejects.toThrow('down')
    expect(cached.peek()).toBe('first')
    expect(await cached.get()).toBe('first')
  })

  it('is replaced by a reload, which joins one that is under way', async () => {
    const { cached, loads, last } = await createLoaded()
    const reloads = [cached.reload(), cached.reload()]
    expect(await cached.get()).toBe('first')
    last().answer('second')
    expect(await Promise.all(reloads)).toEqual(['second', 'second'])
    expect(await cached.get()).toBe('second')
    expect(loads).toHaveLength(2)
  })

  it('never dies of age when there is nothing to renew', async () => {
    let loads = 0
    const cached = lastGood(async () => (loads += 1), { maxAge: Infinity, retryAfter: 1 })
    await cached.get()
    advanceClock(10 * 365 * 86_400_000)
    expect(await cached.get()).toBe(1)
    expect(loads).toBe(1)
  })
})
