import { afterEach, describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, startJourney } from '../support/journey.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const minute = 60_000

describe('while the provider is away', () => {
  test('somebody with a valid token notices nothing', async () => {
    const { agent, app, provider } = closing(await startJourney())
    await agent.visit(`${app.url}/photos`)
    await provider.stop()
    expect((await agent.fetch(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
  })

  test('an expired token is a 503 that names a time, and the login is still there afterwards', async () => {
    const { agent, app, provider } = closing(await startJourney())
    await agent.visit(`${app.url}/photos`)
    advanceClock(pastAccessToken)
    await provider.stop()
    const refused = await agent.fetch(`${app.url}/albums`)
    expect(refused.status).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused.json()).toMatchObject({ code: expect.stringMatching(/^ERR_/) })
    expect((await agent.fetch(`${app.url}/`)).json()).toMatchObject({ sub: 'alice' })
    await provider.start()
    advanceClock(minute)
    expect((await agent.fetch(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
    expect(provider.tokenRequests('authorization_code')).toBe(1)
  })

  test.each([
    ['answers 500', { status: 500 }],
    [
      'answers 503 with a page',
      { status: 503, headers: { 'content-type': 'text/html' }, body: '<h1>' },
    ],
    ['answers 429', { status: 429, headers: { 'retry-after': '7' } }],
  ])('a token endpoint that %s ends no login', async (_title, answer) => {
    const { agent, app, provider } = closing(await startJourney())
    await agent.visit(`${app.url}/photos`)
    advanceClock(pastAccessToken)
    provider.front.faults.add(
      { path: '/token', grantType: 'refresh_token' },
      { kind: 'answer', answer },
    )
    expect((await agent.fetch(`${app.url}/albums`)).status).toBe(503)
    provider.front.faults.clear()
    advanceClock(minute)
    expect((await agent.fetch(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
  })

  test('a login is refused with a page that says so, and works when the provider is back', async () => {
    const { app, provider, visit } = closing(await startJourney())
    await provider.stop()
    const page = await visit('/photos')
    expect(page.status).toBe(503)
    expect(page.body).toContain('ERR_PROVIDER_UNAVAILABLE')
    expect(app.errorCodes()).toEqual(['ERR_PROVIDER_UNAVAILABLE'])
    await provider.start()
    advanceClock(minute)
    expect((await visit('/photos')).json()).toMatchObject({ owner: 'alice' })
  })

  test('a provider that does not answer is given up after the timeout', async () => {
    const { provider, visit } = closing(await startJourney({ config: { timeout: 0.3 } }))
    const hold = provider.holdTokens()
    const page = await visit('/photos')
    expect(page.status).toBe(504)
    expect(page.body).toContain('ERR_PROVIDER_TIMEOUT')
    hold.release()
  })

  test('logout signs out of the app all the same', async () => {
    const { agent, app, provider } = closing(await startJourney())
    await agent.visit(`${app.url}/photos`)
    await provider.stop()
    const isProvider = (url: URL) => url.origin === provider.issuer
    await agent.post(`${app.url}/logout`, {}, { stopBefore: isProvider })
    expect((await agent.fetch(`${app.url}/`)).json()).toEqual({ name: null, sub: null })
  })
})

test('a rejected client secret is the operator’s fault and ends no login', async () => {
  const { agent, app, provider } = closing(await startJourney())
  await agent.visit(`${app.url}/photos`)
  advanceClock(pastAccessToken)
  provider.front.faults.add(
    { path: '/token', grantType: 'refresh_token' },
    {
      kind: 'answer',
      answer: {
        status: 401,
        headers: { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="idp"' },
        body: '{"error":"invalid_client"}',
      },
    },
  )
  const refused = await agent.fetch(`${app.url}/albums`)
  expect(refused.status).toBeGreaterThanOrEqual(500)
  expect((await agent.fetch(`${app.url}/`)).json()).toMatchObject({ sub: 'alice' })
  provider.front.faults.clear()
  advanceClock(minute)
  expect((await agent.fetch(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
})
