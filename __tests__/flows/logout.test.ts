import { describe, expect, test } from '@jest/globals'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { startJourney, type JourneyOptions } from '../support/journey.ts'

const closing = closeAfterEach()

async function startSignedIn(options: JourneyOptions = {}) {
  const journey = closing(await startJourney(options))
  const photos = await journey.visit('/photos')
  return { ...journey, photos }
}

describe.each(hostKinds)('logging out on %s', (host) => {
  test('by a click on a link of the app needs no further question', async () => {
    const { agent, photos, provider } = await startSignedIn({ host })
    const home = await agent.click(photos, '/logout')
    expect(home.json()).toEqual({ name: null, sub: null })
    expect(provider.front.count('/session/end')).toBe(1)
  })

  test('by an address that was typed asks first and then does it', async () => {
    const { agent, app, visit } = await startSignedIn({ host })
    const question = await visit('/logout')
    expect(question.status).toBe(200)
    expect(question.url.pathname).toBe('/logout')
    expect((await agent.fetch(`${app.url}/`)).json()).toMatchObject({ sub: 'alice' })
    expect((await agent.submit(question)).json()).toEqual({ name: null, sub: null })
  })

  test.each([
    ['another site', () => 'https://evil.example'],
    ['another port of the same host', ({ issuer }: { issuer: string }) => issuer],
  ])('by a form of %s is refused', async (_title, from) => {
    const { agent, app, provider } = await startSignedIn({ host })
    const refused = await agent.post(`${app.url}/logout`, {}, { from: from(provider) })
    expect(refused.status).toBe(403)
    expect(refused.body).toContain('ERR_CROSS_SITE')
    expect((await agent.fetch(`${app.url}/`)).json()).toMatchObject({ sub: 'alice' })
  })
})

test('revokes the tokens, so that a refresh token outlives no logout', async () => {
  const { agent, app, provider } = await startSignedIn({
    provider: { refreshTokens: 'offline_access' },
    config: {
      scope: 'openid profile offline_access',
      authorizationParams: { prompt: 'consent' },
    },
  })
  const { accessToken } = (await agent.fetch(`${app.url}/token`)).json()
  expect(await provider.accountOf(accessToken)).toBe('alice')
  await agent.post(`${app.url}/logout`)
  expect(provider.front.count('/token/revocation')).toBeGreaterThan(0)
  expect(await provider.accountOf(accessToken)).toBeUndefined()
})

test('without the provider stays in the app, and the next login needs no password', async () => {
  const { agent, app, provider, visit } = await startSignedIn({
    config: { logout: { provider: false } },
  })
  const home = await agent.post(`${app.url}/logout`)
  expect(home.json()).toEqual({ name: null, sub: null })
  expect(provider.front.count('/session/end')).toBe(0)
  provider.signIn('bob')
  expect((await visit('/photos')).json()).toMatchObject({ owner: 'alice' })
})

test('of somebody who is not signed in ends at the front page', async () => {
  const { agent, app } = closing(await startJourney())
  const home = await agent.post(`${app.url}/logout`)
  expect(home.url.pathname).toBe('/')
  expect(home.json()).toEqual({ name: null, sub: null })
  expect(app.errors).toEqual([])
})
