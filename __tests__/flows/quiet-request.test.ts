import * as realCrypto from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals'
import { advanceClock, resetClock } from '../support/clock.ts'
import type { Journey, JourneyOptions } from '../support/journey.ts'
import type * as unreliable from '../support/unreliable.ts'

let decryptions = 0

jest.unstable_mockModule('node:crypto', () => ({
  ...realCrypto,
  default: realCrypto,
  createDecipheriv(...args: Parameters<typeof realCrypto.createDecipheriv>) {
    decryptions += 1
    return realCrypto.createDecipheriv(...args)
  },
}))

let startJourney: (options: JourneyOptions) => Promise<Journey>
let stores: typeof unreliable
const open: Journey[] = []

beforeAll(async () => {
  ;({ startJourney } = await import('../support/journey.ts'))
  stores = await import('../support/unreliable.ts')
})
afterEach(resetClock)
afterAll(async () => {
  for (const journey of open) await journey.close()
})

const crowd = Array.from({ length: 20 })

async function signedIn() {
  const sessions = stores.unreliableSessionStore()
  const tokens = stores.unreliableTokenStore()
  const journey = await startJourney({
    config: { session: { store: sessions.store }, tokenStore: tokens.store },
  })
  open.push(journey)
  const { agent, app } = journey
  await agent.visit(`${app.url}/photos`)
  /** What 20 requests, at once, have called. */
  async function called(path: string) {
    const before = { sessions: { ...sessions.calls }, tokens: { ...tokens.calls }, decryptions }
    const pages = await Promise.all(crowd.map(() => agent.fetch(app.url + path)))
    expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([200]))
    return {
      cookies: pages.flatMap(({ headers }) => headers['set-cookie'] ?? []),
      sessions: difference(sessions, before.sessions),
      tokens: difference(tokens, before.tokens),
      decryptions: decryptions - before.decryptions,
    }
  }
  return { ...journey, called, tokens }
}

function difference(
  { calls }: unreliable.Unreliable<unknown>,
  before: Readonly<Record<string, number>>,
): Record<string, number> {
  const entries = Object.entries(calls).map(([name, count]) => [name, count - (before[name] ?? 0)])
  return Object.fromEntries(entries.filter(([, count]) => count !== 0))
}

test.each(['/photos', '/token', '/'])(
  'requests for %s that change nothing read nothing but the session, and write nothing',
  async (path) => {
    const { called } = await signedIn()
    await called(path)
    const { cookies, decryptions: opened, sessions, tokens } = await called(path)
    expect(cookies).toEqual([])
    expect(tokens).toEqual({})
    expect(opened).toBe(0)
    expect(sessions).toMatchObject({ get: crowd.length })
    expect(Object.keys(sessions)).toEqual(expect.not.arrayContaining(['set', 'destroy']))
  },
)

test('when the cache has run out, one read and one decryption serve all who are there', async () => {
  const { called } = await signedIn()
  advanceClock(11_000)
  const { decryptions: opened, sessions, tokens } = await called('/photos')
  expect(tokens).toEqual({ read: 1 })
  expect(opened).toBe(1)
  expect(sessions).not.toHaveProperty('set')
})

test('a visitor who is nobody costs no look at any store, and gets no cookie', async () => {
  const { agent, called } = await signedIn()
  await agent.cookies.clear()
  expect(await called('/')).toEqual({ cookies: [], sessions: {}, tokens: {}, decryptions: 0 })
})

test('somebody whose login was ended elsewhere costs one read, and nothing is written', async () => {
  const { called, tokens } = await signedIn()
  const [id = ''] = tokens.created
  await tokens.store.remove(id)
  advanceClock(11_000)
  expect(await called('/')).toMatchObject({ cookies: [], tokens: { read: 1 } })
  const { cookies, sessions, tokens: looks } = await called('/')
  expect(cookies).toEqual([])
  expect(looks).toEqual({})
  expect(sessions).not.toHaveProperty('set')
})
