import { afterEach, describe, expect, test } from '@jest/globals'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, startJourney } from '../support/journey.ts'
import { createUserAgent } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

describe.each(hostKinds)('a slow request on %s', (host) => {
  test('that spans a refresh loses nothing and finds the new token', async () => {
    const { agent, app, provider } = closing(await startJourney({ host }))
    await agent.visit(`${app.url}/photos`)
    const hold = app.holdSlow()
    const slow = agent.fetch(`${app.url}/slow?item=frame`)
    await hold.arrived
    advanceClock(pastAccessToken)
    const refreshed = (await agent.fetch(`${app.url}/token`)).json()
    hold.release()
    expect((await slow).json()).toEqual({ owner: 'alice', status: 200 })

    expect((await agent.fetch(`${app.url}/token`)).json()).toEqual(refreshed)
    expect((await agent.fetch(`${app.url}/cart`)).json()).toEqual({ cart: ['frame'] })
    expect(provider.tokenRequests('refresh_token')).toBe(1)
    advanceClock(pastAccessToken)
    expect((await agent.fetch(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
    expect(provider.tokenRequests('refresh_token')).toBe(2)
  })

  test('that spans a logout does not bring the login back', async () => {
    const { agent, app, provider } = closing(await startJourney({ host }))
    await agent.visit(`${app.url}/photos`)
    const oldCookies = [...(await agent.cookies.of(app.url))]
    const hold = app.holdSlow()
    const slow = agent.fetch(`${app.url}/slow?item=frame`)
    await hold.arrived
    expect((await agent.post(`${app.url}/logout`)).json()).toEqual({ name: null, sub: null })
    const requests = provider.tokenRequests()
    hold.release()
    const late = await slow
    expect([200, 401, 503]).toContain(late.status)

    expect((await agent.fetch(`${app.url}/`)).json()).toEqual({ name: null, sub: null })
    const thief = createUserAgent()
    for (const [name, value] of oldCookies) await thief.cookies.set(app.url, `${name}=${value}`)
    expect((await thief.fetch(`${app.url}/`)).json()).toEqual({ name: null, sub: null })
    for (const path of ['/photos', '/albums', '/fresh', '/token']) {
      expect((await thief.fetch(app.url + path)).status).toBe(401)
    }
    expect(provider.tokenRequests()).toBe(requests)
  })
})

test('a logout while a refresh is under way wins', async () => {
  const { agent, app, provider } = closing(await startJourney())
  await agent.visit(`${app.url}/photos`)
  advanceClock(pastAccessToken)
  const hold = provider.holdTokens({ grantType: 'refresh_token' }, 'after')
  const waiting = agent.fetch(`${app.url}/albums`)
  await hold.arrived
  const logout = agent.post(`${app.url}/logout`)
  await provider.front.answered('/session/end')
  hold.release()
  expect((await logout).json()).toEqual({ name: null, sub: null })
  expect((await waiting).status).not.toBe(500)
  expect((await agent.fetch(`${app.url}/albums`)).status).toBe(401)
  expect((await agent.fetch(`${app.url}/`)).json()).toEqual({ name: null, sub: null })
})
