import { afterEach, describe, expect, test } from '@jest/globals'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, startJourney, type JourneyOptions } from '../support/journey.ts'

const closing = closeAfterEach()
afterEach(resetClock)

/** Signed in, and the access token is over. */
async function startExpired(options: JourneyOptions) {
  const journey = closing(await startJourney(options))
  await journey.visit('/photos')
  advanceClock(pastAccessToken)
  return journey
}

const crowd = Array.from({ length: 20 }, (_, index) => index)

describe.each(hostKinds)('on %s', (host) => {
  test('20 parallel requests with an expired token cause one refresh and get 20 good answers', async () => {
    const { agent, api, app, provider } = await startExpired({ host })
    const pages = await Promise.all(crowd.map(() => agent.fetch(`${app.url}/albums`)))
    expect(pages.map((page) => page.json())).toEqual(
      crowd.map(() => ({ status: 200, album: { owner: 'alice', path: '/v1/albums' } })),
    )
    expect(provider.tokenRequests('refresh_token')).toBe(1)
    expect(api.refused).toBe(0)
    expect(app.errors).toEqual([])
  })
})

test('those who come while a refresh is under way wait for it and share its result', async () => {
  const { agent, app, provider } = await startExpired({})
  const hold = provider.holdTokens({ grantType: 'refresh_token' })
  const first = agent.fetch(`${app.url}/token`)
  await hold.arrived
  const others = crowd.map(() => agent.fetch(`${app.url}/token`))
  hold.release()
  const pages = await Promise.all([first, ...others])
  const tokens = new Set(pages.map((page) => page.json().accessToken))
  expect(tokens.size).toBe(1)
  expect(provider.tokenRequests('refresh_token')).toBe(1)
})

test('a visitor who leaves while the refresh is under way does not cancel it for the others', async () => {
  const { agent, app, provider } = await startExpired({})
  const hold = provider.holdTokens({ grantType: 'refresh_token' })
  const leaving = new AbortController()
  const left = agent.fetch(`${app.url}/albums`, { signal: leaving.signal })
  await hold.arrived
  const staying = agent.fetch(`${app.url}/albums`)
  leaving.abort()
  await expect(left).rejects.toMatchObject({ name: 'AbortError' })
  hold.release()
  expect((await staying).json()).toMatchObject({ status: 200 })
  expect((await agent.fetch(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
  expect(provider.tokenRequests('refresh_token')).toBe(1)
})

test('parallel demands for a new token share one refresh, and a later demand gets its own', async () => {
  const { agent, app, provider } = closing(await startJourney())
  await agent.visit(`${app.url}/photos`)
  const hold = provider.holdTokens({ grantType: 'refresh_token', times: 1 })
  const demands = crowd.slice(0, 3).map(() => agent.fetch(`${app.url}/fresh`))
  await hold.arrived
  hold.release()
  const pages = await Promise.all(demands)
  expect(pages.map(({ status }) => status)).toEqual([200, 200, 200])
  const before = provider.tokenRequests('refresh_token')
  expect((await agent.fetch(`${app.url}/fresh`)).status).toBe(200)
  expect(provider.tokenRequests('refresh_token')).toBe(before + 1)
})

test('a token that the API no longer takes is refreshed once and the call repeated', async () => {
  const { agent, api, app, provider } = closing(await startJourney())
  await agent.visit(`${app.url}/photos`)
  api.front.faults.add(
    { path: '/v1/albums', times: 1 },
    { kind: 'answer', answer: { status: 401, headers: { 'www-authenticate': 'Bearer' } } },
  )
  expect((await agent.fetch(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
  expect(provider.tokenRequests('refresh_token')).toBe(1)
  expect(api.front.count('/v1/albums')).toBe(2)
})
