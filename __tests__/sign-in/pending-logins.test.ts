import { afterEach, describe, expect, test } from '@jest/globals'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { exchange } from '../support/exchange.ts'
import { createHold, type Hold } from '../support/hold.ts'
import { startJourney, type Journey, type JourneyOptions } from '../support/journey.ts'
import { createUserAgent, type Page, type UserAgent } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const start = async (options: JourneyOptions = {}) => closing(await startJourney(options))
const atCallback = ({ pathname }: URL) => pathname === '/callback'

/** A login that has come back from the provider but has not reached the app. */
const begin = ({ app }: Journey, tab: UserAgent, path = '/photos') =>
  tab.visit(app.url + path, { stopBefore: atCallback })

const pendingCookies = async ({ agent, app }: Journey) =>
  [...(await agent.cookies.of(app.url)).keys()].filter((name) => name.includes('oauth-tx'))

/** Keys of the session store: sessions, and records of logins. */
const stored = ({ app }: Journey) =>
  Object.keys((app.store as unknown as { sessions: object }).sessions).toSorted()

async function cookieHeader({ agent, app }: Journey): Promise<string> {
  const cookies = [...(await agent.cookies.of(app.url))]
  return cookies.map(([name, value]) => `${name}=${value}`).join('; ')
}

/** The callback reaches the app, and its answer does not reach the browser. */
const sendWithoutReading = async (journey: Journey, { pending }: Page) =>
  exchange({
    method: 'GET',
    url: pending?.url ?? new URL('http://nowhere'),
    headers: { accept: 'text/html', cookie: await cookieHeader(journey) },
  })

/** Lets look-ups of pending logins wait. */
function holdLookUps({ app }: Journey): Hold {
  const hold = createHold()
  const get = app.store.get.bind(app.store)
  app.store.get = (id, done) => {
    if (!id.startsWith('oauth-tx-')) return get(id, done)
    void hold.pass().then(() => get(id, done))
  }
  return hold
}

const tabsOf = ({ agent }: Journey, count: number) =>
  Array.from({ length: count }, (_, index) => (index === 0 ? agent : agent.newTab()))

describe('pending logins', () => {
  test('of ten tabs all arrive where they were going, the last one first', async () => {
    const journey = await start()
    const tabs: Array<{ tab: UserAgent; stopped: Page }> = []
    for (const [index, tab] of tabsOf(journey, 10).entries()) {
      tabs.push({ tab, stopped: await begin(journey, tab, `/photos?tab=${index}`) })
    }
    const arrived: string[] = []
    for (const { tab, stopped } of tabs.toReversed()) {
      arrived.push((await tab.resume(stopped)).json().at)
    }
    expect(arrived).toEqual(tabs.map((_tab, index) => `/photos?tab=${9 - index}`))
    expect(journey.provider.tokenRequests('authorization_code')).toBe(10)
    expect(await pendingCookies(journey)).toEqual([])
  })

  test('are ten at most: the eleventh drops the oldest, which begins again by itself', async () => {
    const journey = await start()
    const tabs: Array<{ tab: UserAgent; stopped: Page }> = []
    for (const tab of tabsOf(journey, 11)) {
      tabs.push({ tab, stopped: await begin(journey, tab) })
      advanceClock(1)
    }
    expect(await pendingCookies(journey)).toHaveLength(10)
    expect(stored(journey)).toHaveLength(10)
    const [oldest, second] = tabs
    const late = await oldest?.tab.resume(oldest.stopped)
    expect(late?.json()).toMatchObject({ sub: 'alice' })
    expect((await second?.tab.resume(second.stopped))?.status).toBe(200)
  })

  test('outlive a click on the login link that was made twice', async () => {
    const journey = await start()
    const first = await begin(journey, journey.agent, '/login?return_to=%2Fphotos%3Fclick%3D1')
    const second = await begin(journey, journey.agent, '/login?return_to=%2Fphotos%3Fclick%3D2')
    expect((await journey.agent.resume(second)).json()).toMatchObject({ at: '/photos?click=2' })
    expect((await journey.agent.resume(first)).json()).toMatchObject({ at: '/photos?click=1' })
  })

  test('of a first visit are held by their own cookie, without a session', async () => {
    const journey = await start({ session: 'app', provider: { host: 'localhost' } })
    const stopped = await begin(journey, journey.agent)
    const cookies = [...(await journey.agent.cookies.of(journey.app.url)).keys()]
    expect(cookies).toEqual(await pendingCookies(journey))
    expect((await journey.agent.resume(stopped)).status).toBe(200)
  })

  test('are not given to another browser that asks at the same moment', async () => {
    const journey = await start()
    const stopped = await begin(journey, journey.agent)
    await sendWithoutReading(journey, stopped)
    const held = holdLookUps(journey)
    const owner = journey.agent.resume(stopped)
    await held.arrived
    const thief = createUserAgent()
    expect((await thief.visit(stopped.pending?.url ?? '')).status).toBe(400)
    expect((await thief.cookies.of(journey.app.url)).has('session')).toBe(false)
    held.release()
    expect((await owner).json()).toMatchObject({ owner: 'alice' })
  })
})

describe('the back button and reloads', () => {
  test('the provider’s page again, after the login, ends where the login did', async () => {
    const journey = await start()
    const photos = await journey.visit('/photos?album=7')
    const authorize = photos.hops.find(({ url }) => url.pathname === '/auth')
    const again = await journey.agent.visit(authorize?.url ?? '')
    expect(again.json()).toEqual({ owner: 'alice', at: '/photos?album=7' })
    expect(journey.provider.tokenRequests('authorization_code')).toBe(1)
    expect(journey.app.errors).toEqual([])
  })

  test.each(hostKinds)(
    'the callback again ends where it did the first time, on %s',
    async (host) => {
      const journey = await start({ host })
      const stopped = await begin(journey, journey.agent, '/photos?album=7')
      const first = await journey.agent.resume(stopped)
      const second = await journey.agent.resume(stopped)
      expect(second.json()).toEqual(first.json())
      expect(second.url.href).toBe(first.url.href)
      expect(journey.provider.tokenRequests()).toBe(1)
      expect(journey.app.errors).toEqual([])
    },
  )

  test('a callback from long ago leads somebody who is signed in to the front page', async () => {
    const journey = await start()
    const stopped = await begin(journey, journey.agent)
    await journey.agent.resume(stopped)
    advanceClock(2 * 60_000)
    const page = await journey.agent.resume(stopped)
    expect(page.url.href).toBe(`${journey.app.url}/`)
    expect(page.json()).toMatchObject({ sub: 'alice' })
    expect(journey.app.errors).toEqual([])
  })

  test('the callback again, after its answer was lost on the way, signs in all the same', async () => {
    const journey = await start()
    const stopped = await begin(journey, journey.agent, '/photos?album=7')
    expect((await sendWithoutReading(journey, stopped)).status).toBe(303)
    const page = await journey.agent.resume(stopped)
    expect(page.json()).toEqual({ owner: 'alice', at: '/photos?album=7' })
    expect(page.hops.filter(({ url }) => url.pathname === '/auth')).toEqual([])
    expect(journey.provider.tokenRequests()).toBe(1)
    expect((await journey.visit('/albums')).json()).toMatchObject({ status: 200 })
  })

  test('the callback again, while its first request is under way, waits for it', async () => {
    const journey = await start()
    const { agent, provider } = journey
    const stopped = await begin(journey, agent, '/photos?album=7')
    const hold = provider.holdTokens({}, 'after')
    const leaving = new AbortController()
    const first = agent.resume(stopped, { signal: leaving.signal })
    await hold.arrived
    leaving.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    const second = agent.resume(stopped)
    hold.release()
    expect((await second).json()).toEqual({ owner: 'alice', at: '/photos?album=7' })
    expect(provider.tokenRequests()).toBe(1)
  })
})

const ahead = [
  ['a prefetch', { 'sec-purpose': 'prefetch' }],
  ['a prerender', { 'sec-purpose': 'prefetch;prerender' }],
  ['a prefetch of an older browser', { purpose: 'prefetch' }],
  ['a prefetch of Firefox', { 'x-moz': 'prefetch' }],
  ['a preview of Safari', { 'x-purpose': 'preview' }],
] as const

describe.each(['express5', 'http'] as const)('what only looks ahead, on %s', (host) => {
  test.each(ahead)(
    '%s touches nothing, and the login can still be finished',
    async (_t, headers) => {
      const journey = await start({ host })
      const { agent, app, provider } = journey
      const stopped = await begin(journey, agent)
      const before = stored(journey)
      const asked = provider.front.requests.length
      for (const url of [`${app.url}/login`, stopped.pending?.url ?? '', `${app.url}/photos`]) {
        const page = await agent.visit(url, { headers })
        expect(page.hops).toHaveLength(1)
        expect([401, 503]).toContain(page.status)
        expect(page.headers['set-cookie']).toBeUndefined()
        expect(page.headers['cache-control']).toBe('private, no-store')
      }
      expect(stored(journey)).toEqual(before)
      expect(provider.front.requests).toHaveLength(asked)
      expect((await agent.resume(stopped)).status).toBe(200)

      const logout = await agent.visit(`${app.url}/logout`, { headers })
      expect(logout.status).toBe(503)
      expect((await agent.fetch(`${app.url}/`)).json()).toMatchObject({ sub: 'alice' })
    },
  )

  test.each([
    ['HEAD', 'GET'],
    ['OPTIONS', 'GET'],
    ['PUT', 'GET'],
    ['POST', 'GET'],
  ])('%s of a login or callback is refused with what is allowed', async (method, allowed) => {
    const journey = await start({ host })
    const { agent, app } = journey
    const stopped = await begin(journey, agent)
    const before = stored(journey)
    for (const url of [`${app.url}/login`, stopped.pending?.url ?? '']) {
      const page = await agent.fetch(url, { method })
      expect(page.status).toBe(405)
      expect(page.headers.allow).toBe(allowed)
      expect(page.headers['set-cookie']).toBeUndefined()
    }
    expect(stored(journey)).toEqual(before)
    expect((await agent.resume(stopped)).status).toBe(200)
  })

  test.each([
    ['the icon', '/photos?favicon', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['a style sheet', '/photos', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'style' }],
    [
      'a service worker',
      '/photos',
      { 'sec-fetch-mode': 'same-origin', 'sec-fetch-dest': 'worker' },
    ],
    ['an old browser’s image', '/photos', { accept: 'image/*', 'sec-fetch-mode': '' }],
  ])('%s begins no login', async (_title, path, headers) => {
    const journey = await start({ host })
    const page = await journey.agent.fetch(journey.app.url + path, { headers })
    expect(page.status).toBe(401)
    expect(page.headers['set-cookie']).toBeUndefined()
    expect(stored(journey)).toEqual([])
  })
})
