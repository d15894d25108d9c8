import { afterEach, describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { startJourney, type Journey } from '../support/journey.ts'
import { createUserAgent, type Page } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const start = async (options?: Parameters<typeof startJourney>[0]) =>
  closing(await startJourney(options))

/** A login that has come back from the provider but has not reached the app. */
const untilCallback = ({ agent, app }: Journey): Promise<Page> =>
  agent.visit(`${app.url}/photos`, { stopBefore: ({ pathname }) => pathname === '/callback' })

const transactionCookies = async ({ agent, app }: Journey) =>
  [...(await agent.cookies.of(app.url)).keys()].filter((name) => name.includes('oauth-tx'))

describe('a login that does not succeed', () => {
  test('because the person refuses shows a page that says so and takes nothing from the provider as markup', async () => {
    const journey = await start()
    journey.provider.deny()
    const page = await journey.visit('/photos')
    expect(page.status).toBe(403)
    expect(page.headers['content-type']).toMatch('text/html')
    expect(page.headers['cache-control']).toMatch('no-store')
    expect(page.body).toContain('ERR_LOGIN_CANCELLED')
    expect(page.body).not.toContain('<b>no</b>')
    expect(await transactionCookies(journey)).toEqual([])
    expect((await journey.agent.fetch(`${journey.app.url}/photos`)).status).toBe(401)
  })

  test('because another browser began it is refused there and can still be finished here', async () => {
    const journey = await start()
    const stopped = await untilCallback(journey)
    const victim = createUserAgent()
    const refused = await victim.visit(stopped.pending?.url ?? '')
    expect(refused.status).toBe(400)
    expect(refused.body).toContain('ERR_STATE_UNKNOWN')
    expect((await victim.fetch(`${journey.app.url}/photos`)).status).toBe(401)
    expect(journey.provider.tokenRequests()).toBe(0)
    expect((await journey.agent.resume(stopped)).status).toBe(200)
  })

  test.each([
    ['no state', (url: URL) => url.searchParams.delete('state'), 'CALLBACK_INVALID'],
    ['two states', (url: URL) => url.searchParams.append('state', 'other'), 'CALLBACK_INVALID'],
    ['no code', (url: URL) => url.searchParams.delete('code'), 'CALLBACK_INVALID'],
    ['two codes', (url: URL) => url.searchParams.append('code', 'other'), 'CALLBACK_INVALID'],
    [
      'another iss',
      (url: URL) => url.searchParams.set('iss', 'https://other.example'),
      'CALLBACK_ISSUER',
    ],
    ['no iss', (url: URL) => url.searchParams.delete('iss'), 'CALLBACK_ISSUER'],
  ])('because the answer has %s is a 400 without a token request', async (_title, change, code) => {
    const journey = await start()
    const { pending } = await untilCallback(journey)
    const url = new URL(pending?.url ?? '')
    change(url)
    const page = await journey.agent.visit(url)
    expect(page.status).toBe(400)
    expect(page.body).toContain(`ERR_${code}`)
    expect(journey.provider.tokenRequests()).toBe(0)
    expect((await journey.agent.fetch(`${journey.app.url}/photos`)).status).toBe(401)
  })

  test('because its state is unknown begins again by itself, once', async () => {
    const journey = await start()
    const { agent, app, provider } = journey
    const { pending } = await untilCallback(journey)
    const url = new URL(pending?.url ?? '')
    url.searchParams.set('state', 'x'.repeat(43))
    const again = await agent.visit(url, { stopBefore: ({ pathname }) => pathname === '/callback' })
    expect(again.pending?.url.searchParams.get('code')).not.toBe(url.searchParams.get('code'))
    expect(provider.tokenRequests()).toBe(0)
    const page = await agent.visit(url)
    expect(page.status).toBe(400)
    expect(page.body).toContain('ERR_STATE_UNKNOWN')
    const home = await agent.resume(again)
    expect(home.url.href).toBe(`${app.url}/`)
    expect(home.json()).toMatchObject({ sub: 'alice' })
  })

  test('because the code was changed shows a page and burns the transaction', async () => {
    const journey = await start()
    const { pending } = await untilCallback(journey)
    const url = new URL(pending?.url ?? '')
    const right = url.href
    url.searchParams.set('code', 'x'.repeat(43))
    const page = await journey.agent.visit(url)
    expect(page.status).toBe(400)
    expect(page.body).toContain('ERR_CODE_REJECTED')
    expect((await journey.agent.fetch(right)).json()).toMatchObject({ code: 'ERR_STATE_UNKNOWN' })
    expect(journey.provider.tokenRequests()).toBe(1)
  })

  test('because it took longer than a quarter of an hour has expired and begins again', async () => {
    const journey = await start({ provider: { ttl: { AuthorizationCode: 3600 } } })
    const { app, provider } = journey
    const stopped = await untilCallback(journey)
    advanceClock(16 * 60_000)
    const late = await journey.agent.fetch(stopped.pending?.url ?? '')
    expect(late.json()).toMatchObject({ status: 400, code: 'ERR_TRANSACTION_EXPIRED' })
    expect(provider.tokenRequests()).toBe(0)
    const home = await journey.agent.resume(stopped)
    expect(home.url.href).toBe(`${app.url}/`)
    expect(home.json()).toMatchObject({ sub: 'alice' })
    expect(provider.front.count('/auth')).toBe(2)
  })

  test('because the answer is used again does not redeem the code twice', async () => {
    const journey = await start()
    const stopped = await untilCallback(journey)
    expect((await journey.agent.resume(stopped)).status).toBe(200)
    const again = await journey.agent.resume(stopped)
    expect(again.status).toBeLessThan(500)
    expect(journey.provider.tokenRequests()).toBe(1)
    expect((await journey.visit('/photos')).hops).toHaveLength(1)
  })

  test('because the same answer comes twice at once redeems the code once', async () => {
    const journey = await start()
    const stopped = await untilCallback(journey)
    const pages = await Promise.all([
      journey.agent.resume(stopped),
      journey.agent.newTab().resume(stopped),
    ])
    expect(pages.every(({ status }) => status < 500)).toBe(true)
    expect(journey.provider.tokenRequests()).toBe(1)
    expect((await journey.visit('/photos')).hops).toHaveLength(1)
  })
})

describe('the return address', () => {
  test('is honoured when it is a page of the app', async () => {
    const { visit } = await start()
    const page = await visit('/login?return_to=%2Fphotos%3Falbum%3D7')
    expect(page.json()).toMatchObject({ at: '/photos?album=7' })
  })

  test.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    'javascript:alert(1)',
    '/%09/evil.example',
    'http://127.0.0.1:1/',
    '/login',
    '/callback',
  ])('%s never leads away from the app', async (returnTo) => {
    const { app, visit } = await start()
    const page = await visit(`/login?return_to=${encodeURIComponent(returnTo)}`)
    expect(page.url.origin).toBe(app.url)
    expect(page.hops.filter(({ url }) => url.pathname === '/login')).toHaveLength(1)
    expect(page.status).toBeLessThan(500)
  })
})
