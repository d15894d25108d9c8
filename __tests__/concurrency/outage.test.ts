import { afterEach, describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, startJourney, type Journey } from '../support/journey.ts'
import { unreliableSessionStore, unreliableTokenStore, type Mood } from '../support/unreliable.ts'
import type { Page } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const minute = 60_000
const limit = { timeout: 2 }
const moods: readonly Mood[] = ['failing', 'silent']

async function signedIn(config: Parameters<typeof startJourney>[0]): Promise<Journey> {
  const journey = closing(await startJourney(config))
  expect((await journey.visit('/photos')).json()).toMatchObject({ owner: 'alice' })
  return journey
}

const sessionCookie = async ({ agent, app }: Journey) =>
  (await agent.cookies.of(app.url)).get('session')

/** Says "later", and leaves the visitor's cookies as they are. */
function expectLater(page: Page): void {
  expect(page.status).toBe(503)
  expect(Number(page.headers['retry-after'])).toBeGreaterThan(0)
  expect(page.headers['set-cookie']).toBeUndefined()
  expect(page.hops).toHaveLength(1)
}

describe.each(moods)('a session store that is %s', (mood) => {
  test('closes the pages behind a login, and no others, until it is back', async () => {
    const sessions = unreliableSessionStore()
    const journey = await signedIn({ config: { ...limit, session: { store: sessions.store } } })
    const { agent, app, visit } = journey
    const cookie = await sessionCookie(journey)

    sessions.mood = mood
    const [photos, albums, home] = await Promise.all([
      visit('/photos'),
      agent.fetch(`${app.url}/albums`),
      visit('/'),
    ])
    expectLater(photos)
    expectLater(albums)
    expect(home).toMatchObject({ status: 200 })
    expect(home.json()).toEqual({ name: null, sub: null })
    expect(home.headers['set-cookie']).toBeUndefined()

    sessions.mood = 'well'
    expect(await sessionCookie(journey)).toBe(cookie)
    expect((await visit('/photos')).json()).toMatchObject({ owner: 'alice' })
    expect(journey.provider.tokenRequests('authorization_code')).toBe(1)
  })

  test('begins no login that could not be finished', async () => {
    const sessions = unreliableSessionStore()
    const { provider, visit } = closing(
      await startJourney({ config: { ...limit, session: { store: sessions.store } } }),
    )
    sessions.only = ['set']
    sessions.mood = mood
    expect((await visit('/photos')).status).toBe(503)
    expect(provider.front.count('/auth')).toBe(0)
    sessions.mood = 'well'
    expect((await visit('/photos')).json()).toMatchObject({ owner: 'alice' })
  })
})

test('a session store that has announced its disconnection is an outage', async () => {
  const sessions = unreliableSessionStore()
  const { visit } = await signedIn({ config: { session: { store: sessions.store } } })
  sessions.store.emit('disconnect')
  expectLater(await visit('/photos'))
  expect(await visit('/')).toMatchObject({ status: 200 })
  sessions.store.emit('connect')
  expect((await visit('/photos')).json()).toMatchObject({ owner: 'alice' })
})

describe.each(moods)('a token store that is %s', (mood) => {
  test('closes the pages behind a login, and no others, until it is back', async () => {
    const tokens = unreliableTokenStore()
    const journey = await signedIn({ config: { ...limit, tokenStore: tokens.store } })
    const { agent, app, provider, visit } = journey
    const cookie = await sessionCookie(journey)

    advanceClock(minute)
    tokens.mood = mood
    const [photos, albums, home] = await Promise.all([
      visit('/photos'),
      agent.fetch(`${app.url}/albums`),
      visit('/'),
    ])
    expectLater(photos)
    expectLater(albums)
    expect(home.json()).toMatchObject({ sub: 'alice' })

    tokens.mood = 'well'
    expect(await sessionCookie(journey)).toBe(cookie)
    expect((await visit('/photos')).json()).toMatchObject({ owner: 'alice' })
    expect(provider.tokenRequests()).toBe(1)
  })

  test('lets nobody sign out halfway', async () => {
    const tokens = unreliableTokenStore()
    const { agent, app, visit } = await signedIn({
      config: { ...limit, tokenStore: tokens.store },
    })
    tokens.only = ['remove']
    tokens.mood = mood
    expect((await agent.post(`${app.url}/logout`)).status).toBe(503)
    expect((await visit('/photos')).json()).toMatchObject({ owner: 'alice' })
    tokens.mood = 'well'
    expect((await agent.post(`${app.url}/logout`)).json()).toEqual({ name: null, sub: null })
  })

  test('while a token expires is asked again when it is back, and no token is lost', async () => {
    const tokens = unreliableTokenStore()
    const { agent, app, provider } = await signedIn({
      config: { ...limit, tokenStore: tokens.store },
    })
    advanceClock(pastAccessToken)
    tokens.mood = mood
    expectLater(await agent.fetch(`${app.url}/token`))
    expect(provider.tokenRequests('refresh_token')).toBe(0)
    tokens.mood = 'well'
    advanceClock(minute)
    expect((await agent.fetch(`${app.url}/token`)).status).toBe(200)
    expect(provider.tokenRequests('refresh_token')).toBe(1)
  })

  test('takes no answer of the provider away: it is stored when the store is back', async () => {
    const tokens = unreliableTokenStore()
    const { agent, app, provider } = await signedIn({
      config: { ...limit, tokenStore: tokens.store },
    })
    advanceClock(pastAccessToken)
    tokens.only = ['replace']
    tokens.mood = mood
    expectLater(await agent.fetch(`${app.url}/token`))
    advanceClock(minute)
    expectLater(await agent.fetch(`${app.url}/token`))
    tokens.mood = 'well'
    advanceClock(minute)
    expect((await agent.fetch(`${app.url}/token`)).status).toBe(200)
    expect((await agent.fetch(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
    expect(provider.tokenRequests('refresh_token')).toBe(1)
  })
})

describe('a token store whose lock alone is down', () => {
  const crowd = Array.from({ length: 10 })

  test.each(moods)(
    'and %s: a process goes on alone, and spends no refresh token twice',
    async (mood) => {
      const tokens = unreliableTokenStore()
      const { agent, app, provider } = await signedIn({
        config: { ...limit, tokenStore: tokens.store },
      })
      advanceClock(pastAccessToken)
      tokens.only = ['claim', 'renew', 'release']
      tokens.mood = mood
      const paths = ['/token', '/photos', '/fresh', '/albums']
      const pages = await Promise.all(
        crowd.flatMap(() => paths.map((path) => agent.fetch(app.url + path))),
      )
      expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([200]))
      expect(provider.front.requests.filter(({ status = 0 }) => status >= 400)).toEqual([])
    },
  )

  test('and that takes no writes spends no refresh token', async () => {
    const tokens = unreliableTokenStore()
    const { agent, app, provider } = await signedIn({
      config: { ...limit, tokenStore: tokens.store },
    })
    advanceClock(pastAccessToken)
    tokens.only = ['claim', 'renew', 'release', 'replace', 'create', 'remove']
    tokens.mood = 'failing'
    expectLater(await agent.fetch(`${app.url}/token`))
    expect(provider.tokenRequests('refresh_token')).toBe(0)
    tokens.mood = 'well'
    advanceClock(minute)
    expect((await agent.fetch(`${app.url}/token`)).status).toBe(200)
  })
})

describe('a provider that is silent', () => {
  test('closes the pages that need a token and no others, and only for its timeout', async () => {
    const journey = await signedIn({ config: limit })
    const { agent, app, provider } = journey
    const cookie = await sessionCookie(journey)
    advanceClock(pastAccessToken)
    const hold = provider.holdTokens({ grantType: 'refresh_token' })
    expectLater(await agent.fetch(`${app.url}/token`))
    // Whoever comes during the back-off does not wait.
    expectLater(await agent.fetch(`${app.url}/token`))
    expect((await agent.fetch(`${app.url}/photos`)).json()).toMatchObject({ owner: 'alice' })
    expect((await agent.fetch(`${app.url}/`)).json()).toMatchObject({ sub: 'alice' })
    expect(provider.tokenRequests('refresh_token')).toBe(1)
    expect(await sessionCookie(journey)).toBe(cookie)

    hold.release()
    provider.front.faults.clear()
  })

  test('before it has seen the refresh token has done no harm', async () => {
    const { agent, app, provider } = await signedIn({ config: limit })
    advanceClock(pastAccessToken)
    const hold = provider.holdTokens({ grantType: 'refresh_token', times: 1 })
    provider.front.faults.add({ path: '/token', times: 1 }, { kind: 'reset' })
    expectLater(await agent.fetch(`${app.url}/token`))
    hold.release()
    await provider.front.answered('/token')
    advanceClock(minute)
    expect((await agent.fetch(`${app.url}/token`)).status).toBe(200)
    expect(provider.tokenRequests('authorization_code')).toBe(1)
  })
})
