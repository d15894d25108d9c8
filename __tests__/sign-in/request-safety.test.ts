import { afterEach, describe, expect, test } from '@jest/globals'
import express from 'express'
import { oauth, requireAuth, type OAuthOptions } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, startJourney, type JourneyOptions } from '../support/journey.ts'
import { listen } from '../support/listen.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { createUserAgent, type Page } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

/** One request at a time. */
const stay = { stopBefore: () => true }

const start = async (options: JourneyOptions = {}) => closing(await startJourney(options))

async function startCounting(config: OAuthOptions = {}) {
  const provider = closing(await startScriptedProvider({ authMethod: 'client_secret_post' }))
  const ran: string[] = []
  const { url } = closing(
    await listen((baseUrl) => {
      const app = express()
      app.use(
        oauth({
          ...provider.registration,
          baseUrl,
          secret: 'the-secret-of-an-app-that-counts-0123456789',
          ...config,
        }),
      )
      app.get('/private', requireAuth(), (req, res) => {
        ran.push(req.url)
        res.json({ sub: req.auth?.user.sub })
      })
      app.use((req, res) => {
        ran.push(req.url)
        res.json({ at: req.url })
      })
      return app
    }),
  )
  provider.registerApp(url)
  return { agent: createUserAgent(), provider, ran, url }
}

describe('what a request says of itself', () => {
  const lies = {
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-prefix': '/evil',
    forwarded: 'host=evil.example;proto=https',
    host: 'evil.example',
  }

  test('changes neither the redirect URI nor any address of a login', async () => {
    const { agent, provider, url } = await startCounting()
    const stopped = await agent.visit(`${url}/private`, { headers: lies, ...stay })
    const asked = new URL(stopped.headers.location ?? '')
    expect(asked.origin).toBe(provider.issuer)
    expect(asked.searchParams.get('redirect_uri')).toBe(`${url}/callback`)
    expect(asked.href).not.toContain('evil')
  })

  test('does not reach the provider, but for the parameters that a page may choose', async () => {
    const { agent, provider, url } = await startCounting({ loginParams: ['login_hint'] })
    const query = new URLSearchParams({
      login_hint: 'alice@people.example',
      ui_locales: 'de',
      prompt: 'none',
      scope: 'admin',
      client_id: 'another',
      redirect_uri: 'https://evil.example/',
      response_type: 'token',
      response_mode: 'fragment',
      state: 'mine',
      nonce: 'mine',
      code_challenge: 'mine',
      request_uri: 'https://evil.example/request',
      resource: 'https://evil.example',
      acr_values: 'weak',
    })
    await agent.visit(`${url}/login?${query.toString()}`)
    const [asked] = provider.authorizations
    expect(asked?.get('login_hint')).toBe('alice@people.example')
    expect(asked?.get('scope')).toBe('openid profile email')
    expect(provider.violations).toEqual([])
    const chosen = ['ui_locales', 'prompt', 'request_uri', 'resource', 'acr_values']
    expect(chosen.filter((name) => asked?.has(name))).toEqual([])
    const known = [...query.values()].filter((value) => value === 'mine' || value.includes('evil'))
    expect([...(asked?.values() ?? [])].filter((value) => known.includes(value))).toEqual([])
  })

  test('is matched by its path alone', async () => {
    const { agent, provider, ran, url } = await startCounting()
    for (const path of ['/about?x=/login', '/about?/callback', '/login/', '/LOGIN', '/x/../y']) {
      expect((await agent.fetch(url + path)).status).toBe(200)
    }
    expect(ran).toHaveLength(5)
    expect(provider.authorizations).toEqual([])
  })
})

test.each(['{', ':', 'error', 'invalid_grant', 'error_description'])(
  'the code %s is refused like any other that the provider does not know',
  async (code) => {
    const { agent, url } = await startCounting()
    const stopped = await agent.visit(`${url}/login`, {
      stopBefore: ({ pathname }) => pathname === '/callback',
    })
    const answer = new URL(stopped.pending?.url ?? '')
    answer.searchParams.set('code', code)
    const refused = await agent.fetch(answer)
    expect(refused.json()).toMatchObject({ status: 400, code: 'ERR_CODE_REJECTED' })
  },
)

describe('an answer of ours', () => {
  test('is the end of the request: nothing behind it runs', async () => {
    const { agent, ran, url } = await startCounting()
    await agent.visit(`${url}/private`, stay)
    await agent.fetch(`${url}/private`)
    await agent.visit(`${url}/login`, stay)
    await agent.visit(`${url}/callback?code=x&state=y`, stay)
    await agent.visit(`${url}/logout`, stay)
    await agent.fetch(`${url}/login`, { method: 'HEAD' })
    expect(ran).toEqual([])
    expect((await agent.visit(`${url}/private`)).json()).toEqual({ sub: 'alice' })
    expect(ran).toEqual(['/private'])
  })

  test('is stored by nobody, whichever step of a login or logout it is', async () => {
    const { agent, app } = await start()
    const steps: Page[] = []
    const walk = async (first: Promise<Page>) => {
      let page = await first
      while (page.pending) {
        steps.push(page)
        page = await agent.resume(page, stay)
      }
      steps.push(page)
    }
    await walk(agent.visit(`${app.url}/photos`, stay))
    await walk(agent.visit(`${app.url}/logout`, stay))
    await walk(agent.post(`${app.url}/logout`, {}, stay))
    await walk(agent.visit(`${app.url}/login`, stay))
    const own = steps.filter(({ url }) => url.origin === app.url && url.pathname !== '/')
    expect(own.map(({ status, url }) => `${status} ${url.pathname}`)).toEqual([
      '303 /photos',
      '303 /callback',
      '200 /photos',
      '200 /logout',
      '303 /logout',
      '303 /login',
      '303 /callback',
    ])
    for (const { headers } of own) {
      expect(headers['cache-control']).toBe('private, no-store')
      expect(String(headers.vary)).toMatch(/\bcookie\b/i)
    }
  })
})

describe('a provider that gives no refresh token', () => {
  test('ends access to the API, not the login; a page that needs a token signs in again', async () => {
    const { agent, app, provider, visit } = await start({
      provider: { refreshTokens: 'offline_access' },
      config: { scope: 'openid profile' },
    })
    await visit('/photos')
    advanceClock(pastAccessToken)
    expect((await visit('/photos')).hops).toHaveLength(1)
    expect((await agent.fetch(`${app.url}/`)).json()).toMatchObject({ sub: 'alice' })
    expect((await agent.fetch(`${app.url}/token`)).json()).toMatchObject({
      status: 401,
      code: 'ERR_LOGIN_EXPIRED',
    })
    expect((await visit('/albums')).json()).toMatchObject({ status: 200 })
    expect(provider.tokenRequests('authorization_code')).toBe(2)
  })
})
