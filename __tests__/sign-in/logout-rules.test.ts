import { describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { startJourney, type Journey, type JourneyOptions } from '../support/journey.ts'

const closing = closeAfterEach()

async function signedIn(options: JourneyOptions = {}) {
  const journey = closing(await startJourney(options))
  await journey.visit('/photos')
  return journey
}

const stillIn = async ({ agent, app }: Journey) =>
  (await agent.fetch(`${app.url}/`)).json().sub === 'alice'

const click = {
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-user': '?1',
}

describe('a GET of /logout', () => {
  test.each([
    ['a typed address', { ...click, 'sec-fetch-site': 'none' }],
    ['a link of another site', { ...click, 'sec-fetch-site': 'cross-site' }],
    ['a link of another host of the same site', { ...click, 'sec-fetch-site': 'same-site' }],
    ['a redirect or script of our own site', { ...click, 'sec-fetch-user': '' }],
    ['an image', { ...click, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['an old browser', Object.fromEntries(Object.keys(click).map((name) => [name, '']))],
  ])('by %s asks first', async (_title, headers) => {
    const journey = await signedIn()
    const page = await journey
      .visit('/photos')
      .then(() => journey.agent.visit(`${journey.app.url}/logout`, { headers }))
    expect(page.status).toBe(200)
    expect(page.hops).toHaveLength(1)
    expect(page.headers['set-cookie']).toBeUndefined()
    expect(page.headers['cache-control']).toBe('private, no-store')
    expect(page.body).toContain('<form method="post" action="/logout"')
    expect(await stillIn(journey)).toBe(true)
  })

  test('by a click on our own page signs out', async () => {
    const journey = await signedIn()
    await journey.agent.visit(`${journey.app.url}/logout`, { headers: click })
    expect(await stillIn(journey)).toBe(false)
  })

  test('by a click that the browser runs ahead of touches nothing', async () => {
    const journey = await signedIn()
    const headers = { ...click, 'sec-purpose': 'prefetch;prerender' }
    const page = await journey.agent.visit(`${journey.app.url}/logout`, { headers })
    expect(page.status).toBe(503)
    expect(await stillIn(journey)).toBe(true)
  })
})

describe('a POST of /logout', () => {
  test.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another host of the same site', { 'sec-fetch-site': 'same-site' }],
    ['an old browser on another site', { 'sec-fetch-site': '', origin: 'https://evil.example' }],
    ['a page that hides its origin', { 'sec-fetch-site': '', origin: 'null' }],
    ['a client that says nothing of itself', { 'sec-fetch-site': '', origin: '' }],
  ])('of %s is refused', async (_title, headers) => {
    const journey = await signedIn()
    const page = await journey.agent.post(`${journey.app.url}/logout`, {}, { headers })
    expect(page.status).toBe(403)
    expect(page.body).toContain('ERR_CROSS_SITE')
    expect(page.body).not.toContain('/login')
    expect(await stillIn(journey)).toBe(true)
  })

  test('of an old browser on our own page signs out', async () => {
    const journey = await signedIn()
    const headers = { 'sec-fetch-site': '', 'sec-fetch-mode': '', origin: journey.app.url }
    const page = await journey.agent.post(`${journey.app.url}/logout`, {}, { headers })
    expect(page.json()).toEqual({ name: null, sub: null })
  })

  test('of a script of our own page signs out', async () => {
    const journey = await signedIn()
    const answer = await journey.agent.fetch(`${journey.app.url}/logout`, { method: 'POST' })
    expect(answer.status).toBe(303)
    expect(answer.headers['cache-control']).toBe('private, no-store')
    expect(await stillIn(journey)).toBe(false)
  })
})

test('after the logout the next login may be another person’s', async () => {
  const journey = await signedIn()
  await journey.agent.post(`${journey.app.url}/logout`)
  journey.provider.signIn('bob')
  expect((await journey.visit('/photos')).json()).toMatchObject({ owner: 'bob' })
})

test('the page to return to may be another than the front page', async () => {
  const journey = await signedIn({ config: { logout: { provider: false, returnTo: '/cart' } } })
  const page = await journey.agent.post(`${journey.app.url}/logout`)
  expect(page.url.pathname).toBe('/cart')
  expect(page.json()).toEqual({ cart: [] })
})
