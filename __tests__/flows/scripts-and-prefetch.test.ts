import { describe, expect, test } from '@jest/globals'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { startJourney } from '../support/journey.ts'

const closing = closeAfterEach()

describe.each(hostKinds)('without a login on %s', (host) => {
  test('a script gets 401 and an address where the page can sign in', async () => {
    const { agent, app, provider } = closing(await startJourney({ host }))
    const refused = await agent.fetch(`${app.url}/photos?album=7`)
    expect(refused.status).toBe(401)
    expect(refused.headers['content-type']).toMatch('application/problem+json')
    expect(refused.headers['www-authenticate']).toBeDefined()
    expect(refused.headers['cache-control']).toMatch('no-store')
    expect(refused.json()).toMatchObject({
      status: 401,
      code: 'ERR_LOGIN_REQUIRED',
      login_url: expect.stringContaining('/login'),
    })
    expect(provider.front.count('/auth')).toBe(0)
    const photos = await agent.visit(new URL(refused.json().login_url, app.url))
    expect(photos.status).toBe(200)
    expect((await agent.fetch(`${app.url}/photos`)).status).toBe(200)
  })

  test.each([
    ['a form that is sent', { method: 'POST' }],
    ['a request that is marked as a script', { headers: { 'x-requested-with': 'XMLHttpRequest' } }],
    ['an htmx request', { headers: { 'hx-request': 'true' } }],
    ['a prefetch', { headers: { 'sec-purpose': 'prefetch', 'sec-fetch-mode': 'navigate' } }],
    ['a preflight', { method: 'OPTIONS' }],
  ])('%s is not sent to the provider', async (_title, init) => {
    const { agent, app, provider } = closing(await startJourney({ host }))
    const refused = await agent.fetch(`${app.url}/photos`, init)
    expect(refused.status).toBe(401)
    expect(refused.hops[0]?.location).toBeUndefined()
    expect(provider.front.count('/auth')).toBe(0)
  })
})
