import { afterEach, describe, expect, test } from '@jest/globals'
import { memoryStore, type OAuthOptions } from '../../lib/index.ts'
import { startApp } from '../support/apps.ts'
import type { Answer } from '../support/faults.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { startJourney, type Journey, type JourneyOptions } from '../support/journey.ts'
import { unreliableSessionStore, unreliableTokenStore } from '../support/unreliable.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const minute = 60_000
const day = 24 * 60 * minute

async function signedIn(options: JourneyOptions): Promise<Journey> {
  const journey = closing(await startJourney(options))
  expect((await journey.visit('/photos')).json()).toMatchObject({ owner: 'alice' })
  return journey
}

const statusOf = async ({ agent, app }: Journey, path: string, headers = {}) =>
  (await agent.fetch(app.url + path, { headers })).status

const who = async ({ agent, app }: Journey) => (await agent.fetch(`${app.url}/`)).json().sub

describe('the idle limit', () => {
  test('ends the login of somebody who stays away, and a new sign-in brings them back', async () => {
    const journey = await signedIn({ config: { lifetime: { idle: 600 } } })
    advanceClock(11 * minute)
    expect(await statusOf(journey, '/photos')).toBe(401)
    expect(await who(journey)).toBeNull()
    expect((await journey.visit('/photos?page=2')).json()).toMatchObject({ at: '/photos?page=2' })
    expect(journey.provider.tokenRequests('authorization_code')).toBe(2)
  })

  test('is moved by every request that counts as activity', async () => {
    const journey = await signedIn({ config: { lifetime: { idle: 600 } } })
    for (let visits = 1; visits <= 5; visits++) {
      advanceClock(9 * minute)
      expect(await statusOf(journey, '/photos')).toBe(200)
    }
    advanceClock(11 * minute)
    expect(await statusOf(journey, '/photos')).toBe(401)
  })

  test('is not moved by polling, which may still read', async () => {
    const sessions = unreliableSessionStore()
    const journey = await signedIn({
      config: {
        session: { store: sessions.store },
        // At once, so that no visit is noted after the clock has been moved.
        tokenStore: memoryStore(),
        lifetime: {
          idle: 600,
          countsAsActivity: ({ headers }) => headers['x-polling'] === undefined,
        },
      },
    })
    const polling = { 'x-polling': '1' }
    const writes = sessions.calls['set']
    for (let polls = 1; polls <= 4; polls++) {
      advanceClock(2 * minute)
      expect(await statusOf(journey, '/photos', polling)).toBe(200)
    }
    expect(sessions.calls['set']).toBe(writes)
    expect(await statusOf(journey, '/photos')).toBe(200)
    advanceClock(9 * minute)
    expect(await statusOf(journey, '/photos', polling)).toBe(200)
    advanceClock(2 * minute)
    expect(await statusOf(journey, '/photos', polling)).toBe(401)
  })

  test('is moved for all processes, whatever one of them remembers', async () => {
    const stores = { session: unreliableSessionStore(), token: unreliableTokenStore() }
    const config: OAuthOptions = {
      session: { store: stores.session.store },
      tokenStore: stores.token.store,
      lifetime: {
        idle: 600,
        countsAsActivity: ({ headers }) => headers['x-polling'] === undefined,
      },
    }
    const journey = await signedIn({ config })
    const { clientId, clientSecret, issuer } = journey.provider
    const other = closing(await startApp({ config: { ...config, clientId, clientSecret, issuer } }))
    const poll = () => journey.agent.fetch(`${other.url}/photos`, { headers: { 'x-polling': '1' } })
    advanceClock(595_000)
    expect((await poll()).status).toBe(200)
    expect(await statusOf(journey, '/photos')).toBe(200)
    advanceClock(6_000)
    expect((await poll()).status).toBe(200)
    expect(await statusOf(journey, '/photos')).toBe(200)
  })

  test('is noted without a cookie and without undoing what another request kept', async () => {
    const journey = await signedIn({ config: { lifetime: { idle: 600 } } })
    const { agent, app } = journey
    advanceClock(5 * minute)
    const hold = app.holdSlow()
    const slow = agent.fetch(`${app.url}/slow`)
    await hold.arrived
    expect((await agent.fetch(`${app.url}/cart?item=frame`)).json()).toEqual({ cart: ['frame'] })
    hold.release()
    expect((await slow).headers['set-cookie']).toBeUndefined()
    expect((await agent.fetch(`${app.url}/cart`)).json()).toEqual({ cart: ['frame'] })
    advanceClock(6 * minute)
    expect(await statusOf(journey, '/photos')).toBe(200)
  })
})

describe('the absolute limit', () => {
  test('ends the login of somebody who never pauses', async () => {
    const journey = await signedIn({ config: { lifetime: { absolute: 3600 } } })
    for (let visits = 1; visits <= 5; visits++) {
      advanceClock(11 * minute)
      expect(await statusOf(journey, '/albums')).toBe(200)
    }
    advanceClock(6 * minute)
    expect(await statusOf(journey, '/photos')).toBe(401)
    expect(await who(journey)).toBeNull()
  })

  test('is brought forward by the session_expiry of the ID token, and not moved by refreshes', async () => {
    const until = Math.floor(Date.now() / 1000) + 2 * 3600
    const journey = await signedIn({
      provider: {
        configuration: {
          claims: { openid: ['sub', 'session_expiry'], profile: ['name'], email: ['email'] },
          findAccount: (_ctx, id) => ({
            accountId: id,
            claims: () => ({
              sub: id,
              name: 'Alice Archer',
              email: 'alice@people.example',
              session_expiry: until,
            }),
          }),
        },
      },
    })
    advanceClock(90 * minute)
    expect(await statusOf(journey, '/albums')).toBe(200)
    expect(journey.provider.tokenRequests('refresh_token')).toBe(1)
    advanceClock(31 * minute)
    expect(await statusOf(journey, '/photos')).toBe(401)
    expect(journey.provider.tokenRequests('refresh_token')).toBe(1)
  })
})

describe('a refresh token whose expiry the provider tells', () => {
  const told = (seconds: number) => (answer: Answer) => ({
    ...answer,
    body: JSON.stringify({ ...JSON.parse(answer.body ?? '{}'), refresh_expires_in: seconds }),
  })

  async function withTold(seconds: number): Promise<Journey> {
    const journey = closing(await startJourney({ provider: { ttl: { AccessToken: 600 } } }))
    const { faults } = journey.provider.front
    faults.add({ path: '/token' }, { kind: 'change', change: told(seconds) })
    expect((await journey.visit('/photos')).json()).toMatchObject({ owner: 'alice' })
    return journey
  }

  test('is used before, and each new one counts anew', async () => {
    const journey = await withTold(1800)
    for (let refreshes = 1; refreshes <= 3; refreshes++) {
      advanceClock(25 * minute)
      expect(await statusOf(journey, '/token')).toBe(200)
      expect(journey.provider.tokenRequests('refresh_token')).toBe(refreshes)
    }
  })

  test('is not sent after it: a page that wants a token asks to sign in, the others go on', async () => {
    const journey = await withTold(1800)
    advanceClock(31 * minute)
    expect(await statusOf(journey, '/token')).toBe(401)
    expect(await statusOf(journey, '/photos')).toBe(200)
    expect(await who(journey)).toBe('alice')
    expect(journey.provider.tokenRequests('refresh_token')).toBe(0)
    expect((await journey.visit('/token')).json()).toMatchObject({ tokenType: 'bearer' })
    expect(journey.provider.tokenRequests('authorization_code')).toBe(2)
  })
})

test('a login without a refresh token outlives its access token, but not the idle limit', async () => {
  const journey = await signedIn({
    provider: { refreshTokens: 'offline_access' },
    config: { scope: 'openid profile' },
  })
  advanceClock(90 * minute)
  expect(await statusOf(journey, '/photos')).toBe(200)
  expect(await statusOf(journey, '/token')).toBe(401)
  advanceClock(day + minute)
  expect(await statusOf(journey, '/photos')).toBe(401)
})
