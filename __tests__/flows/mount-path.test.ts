import { afterEach, describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, startJourney } from '../support/journey.ts'

const closing = closeAfterEach()
afterEach(resetClock)

describe.each(['express5', 'express4', 'connect'] as const)('below a path on %s', (host) => {
  test('login, page, API, refresh and logout stay below the path', async () => {
    const { agent, app, provider, visit } = closing(
      await startJourney({ host, mountPath: '/editor' }),
    )
    const photos = await visit('/photos?album=7')
    expect(photos.url.href).toBe(`${app.url}/photos?album=7`)
    expect(photos.json()).toEqual({ owner: 'alice', at: '/editor/photos?album=7' })
    expect(photos.hops.at(-2)?.url.pathname).toBe('/editor/callback')

    advanceClock(pastAccessToken)
    expect((await visit('/albums')).json()).toMatchObject({ status: 200 })
    expect(provider.tokenRequests('refresh_token')).toBe(1)

    const home = await agent.post(`${app.url}/logout`)
    expect(home.json()).toEqual({ name: null, sub: null })
    expect(home.url.href).toMatch(app.url)
    const refused = (await agent.fetch(`${app.url}/photos`)).json()
    expect(refused.login_url).toMatch(/^(http:\/\/127\.0\.0\.1:\d+)?\/editor\/login\b/)
    expect((await visit('/login?return_to=%2Feditor%2Fcart')).json()).toEqual({ cart: [] })
    expect(app.errorCodes()).toEqual(['ERR_LOGIN_REQUIRED'])
  })
})
