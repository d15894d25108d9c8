import { afterEach, describe, expect, test } from '@jest/globals'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, startJourney, type JourneyOptions } from '../support/journey.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const start = async (options: JourneyOptions) => closing(await startJourney(options))

const combinations = hostKinds.flatMap((host) => [
  { host, session: 'library' as const },
  { host, session: 'app' as const },
])

describe.each(combinations)('on $host with the session of the $session', ({ host, session }) => {
  test('a visitor who only looks around gets no cookie and is nobody', async () => {
    const { agent, provider, visit } = await start({ host, session })
    const page = await visit('/')
    expect(page.json()).toEqual({ name: null, sub: null })
    expect(page.hops).toHaveLength(1)
    expect(page.headers['set-cookie']).toBeUndefined()
    expect((await agent.cookies.of(page.url)).size).toBe(0)
    expect(provider.front.count('/auth')).toBe(0)
  })

  test('a whole visit: login, page, API, refreshes, logout at the provider, login again', async () => {
    const { agent, api, app, provider, visit } = await start({ host, session })

    const photos = await visit('/photos?album=7&sort=new')
    expect(photos.json()).toEqual({ owner: 'alice', at: '/photos?album=7&sort=new' })
    expect(photos.hops[0]?.location).toMatch(`${provider.issuer}/auth?`)
    expect((await visit('/')).json()).toEqual({ name: 'Alice Archer', sub: 'alice' })
    expect(await visit('/photos')).toMatchObject({ hops: { length: 1 }, status: 200 })

    const scope = expect.arrayContaining(['openid', 'profile', 'email'])
    expect((await visit('/token')).json()).toMatchObject({
      provider: provider.issuer,
      tokenType: 'bearer',
      scope,
    })

    const album = { status: 200, album: { owner: 'alice', path: '/v1/albums' } }
    expect((await visit('/albums')).json()).toEqual(album)
    expect(provider.tokenRequests('refresh_token')).toBe(0)

    for (const refreshes of [1, 2]) {
      advanceClock(pastAccessToken)
      expect((await visit('/albums')).json()).toEqual(album)
      expect(provider.tokenRequests('refresh_token')).toBe(refreshes)
    }
    expect(api.refused).toBe(0)

    const home = await agent.post(`${app.url}/logout`)
    expect(home.url.pathname).toBe('/')
    expect(home.json()).toEqual({ name: null, sub: null })
    expect(provider.front.count('/session/end')).toBe(1)
    expect((await agent.fetch(`${app.url}/photos`)).status).toBe(401)

    provider.signIn('bob')
    expect((await visit('/photos')).json()).toMatchObject({ owner: 'bob' })
    expect((await visit('/albums')).json()).toMatchObject({ album: { owner: 'bob' } })
    expect(app.errorCodes()).toEqual(['ERR_LOGIN_REQUIRED'])
  })

  test('somebody whose refresh token has run out is asked to sign in again and comes back', async () => {
    const { app, provider, visit } = await start({
      host,
      session,
      provider: { ttl: { RefreshToken: 7200 } },
    })
    await visit('/photos')
    advanceClock(3 * 3_600_000)
    const albums = await visit('/albums?page=2')
    expect(albums.url.href).toBe(`${app.url}/albums?page=2`)
    expect(albums.json()).toMatchObject({ status: 200 })
    expect(provider.tokenRequests('authorization_code')).toBe(2)
  })

  test('what the app keeps in the session survives login and logout under a new session id', async () => {
    const { agent, app, visit } = await start({ host, session })
    const name = session === 'app' ? 'app.sid' : 'session'
    const ids: Array<string | undefined> = []
    const noteSession = async () => ids.push((await agent.cookies.of(app.url)).get(name))
    await visit('/cart?item=frame')
    await noteSession()
    await visit('/photos')
    await noteSession()
    expect((await visit('/cart')).json()).toEqual({ cart: ['frame'] })
    await agent.post(`${app.url}/logout`)
    await noteSession()
    expect((await visit('/cart')).json()).toEqual({ cart: ['frame'] })
    expect(ids).not.toContain(undefined)
    expect(new Set(ids).size).toBe(3)
  })
})
