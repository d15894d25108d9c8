import { afterEach, describe, expect, test } from '@jest/globals'
import express from 'express'
import session from 'express-session'
import { memoryStore, oauth, requireAuth, type OAuthOptions } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { startApp } from '../support/apps.ts'
import { listen } from '../support/listen.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { SmallStore } from '../support/small-store.ts'
import { withClaims } from '../support/trial.ts'
import { createUserAgent, type Page } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

async function start(config: OAuthOptions = {}) {
  const provider = closing(await startScriptedProvider({ authMethod: 'client_secret_post' }))
  const store = new SmallStore()
  const { url } = closing(
    await listen((baseUrl) => {
      const app = express()
      app.use(
        session({
          store,
          secret: 'the-secret-of-the-apps-own-session-cookie',
          resave: false,
          saveUninitialized: false,
        }),
      )
      app.use(
        oauth({
          ...provider.registration,
          baseUrl,
          secret: 'the-secret-of-an-app-with-its-own-store-0123456789',
          logout: { provider: false },
          ...config,
        }),
      )
      app.get('/', (req, res) => void res.json({ sub: req.auth?.user.sub ?? null }))
      app.get(
        '/photos',
        requireAuth(),
        (req, res) => void res.json({ cart: req.session.cart ?? [] }),
      )
      app.get('/cart', (req, res) => {
        const { item } = req.query
        if (typeof item === 'string') (req.session.cart ??= []).push(item)
        const { cart = [], note } = req.session
        res.json({ cart, ...(note && { note }) })
      })
      return app
    }),
  )
  provider.registerApp(url)
  const agent = createUserAgent()
  const cookie = async () => (await agent.cookies.of(url)).get('connect.sid') ?? ''
  return { agent, cookie, provider, store, url }
}

/** What a session cookie is worth to somebody who has got hold of it. */
async function worth(url: string, cookie: string): Promise<unknown> {
  const thief = createUserAgent()
  await thief.cookies.set(url, `connect.sid=${cookie}; Path=/`)
  return (await thief.fetch(`${url}/`)).json()
}

const idOf = (cookie: string) => decodeURIComponent(cookie).slice(2).split('.')[0] ?? ''

describe('with a store of the app’s own', () => {
  test('login and logout each give a new session id, and the old ones are dead', async () => {
    const { agent, cookie, store, url } = await start()
    await agent.visit(`${url}/cart?item=frame`)
    const before = await cookie()
    await agent.visit(`${url}/photos`)
    const during = await cookie()
    await agent.post(`${url}/logout`)
    const after = await cookie()

    expect(new Set([before, during, after]).size).toBe(3)
    expect(store.records.has(idOf(before))).toBe(false)
    expect(store.records.has(idOf(during))).toBe(false)
    expect(store.records.has(idOf(after))).toBe(true)
    for (const one of [before, during, after]) expect(await worth(url, one)).toEqual({ sub: null })
  })

  test('an id that somebody planted before the login is not the one of the login', async () => {
    const { agent, url } = await start()
    const attacker = createUserAgent()
    await attacker.visit(`${url}/cart?item=frame`)
    const planted = (await attacker.cookies.of(url)).get('connect.sid') ?? ''
    await agent.cookies.set(url, `connect.sid=${planted}; Path=/`)
    await agent.visit(`${url}/photos`)
    expect((await attacker.fetch(`${url}/`)).json()).toEqual({ sub: null })
  })

  test('what the app keeps stays through login and logout', async () => {
    const { agent, url } = await start()
    await agent.visit(`${url}/cart?item=frame`)
    expect((await agent.visit(`${url}/photos`)).json()).toEqual({ cart: ['frame'] })
    await agent.visit(`${url}/cart?item=glass`)
    await agent.post(`${url}/logout`)
    expect((await agent.visit(`${url}/cart`)).json()).toEqual({ cart: ['frame', 'glass'] })
  })

  test('what one person left is not there for another who signs in over the first', async () => {
    const { agent, provider, url } = await start()
    await agent.visit(`${url}/photos`)
    await agent.visit(`${url}/cart?item=frame`)
    await agent.visit(`${url}/login`)
    expect((await agent.visit(`${url}/cart`)).json()).toEqual({ cart: ['frame'] })

    const bob = { sub: 'bob' }
    provider.script({ idToken: withClaims(bob), userinfo: (all) => ({ ...all, ...bob }) })
    await agent.visit(`${url}/login`)
    expect((await agent.fetch(`${url}/`)).json()).toEqual({ sub: 'bob' })
    expect((await agent.visit(`${url}/cart`)).json()).toEqual({ cart: [] })
  })

  test.each(['/', '/cart?item=glass'])('what onLogin puts there stays, after %s', async (first) => {
    const { agent, url } = await start({
      onLogin: (_details, req) => {
        const { session: own } = req as express.Request
        own.cart = [...(own.cart ?? []), 'a gift']
      },
    })
    await agent.visit(url + first)
    const { cart } = (await agent.visit(`${url}/photos`)).json() as { cart: string[] }
    expect(cart.at(-1)).toBe('a gift')
    expect(cart).toHaveLength(first === '/' ? 1 : 2)
  })

  test('what onLogin puts there is there for another person who signs in over the first', async () => {
    const { agent, provider, url } = await start({
      onLogin: ({ user }, req) => void ((req as express.Request).session.note = `for ${user.sub}`),
    })
    await agent.visit(`${url}/photos`)
    await agent.visit(`${url}/cart?item=frame`)
    const bob = { sub: 'bob' }
    provider.script({ idToken: withClaims(bob), userinfo: (all) => ({ ...all, ...bob }) })
    await agent.visit(`${url}/login?return_to=/photos`)
    expect((await agent.visit(`${url}/cart`)).json()).toEqual({ cart: [], note: 'for bob' })
  })

  test('a second login is a login also where the first one’s tokens cannot be removed', async () => {
    const remove = async () => {
      throw new Error('connection lost')
    }
    const { agent, provider, url } = await start({ tokenStore: { ...memoryStore(), remove } })
    await agent.visit(`${url}/photos`)
    expect((await agent.visit(`${url}/login?return_to=/photos`)).status).toBe(200)
    expect(provider.front.count('/token')).toBe(2)
    expect((await agent.fetch(`${url}/`)).json()).toEqual({ sub: 'alice' })
  })

  test('a logout leaves neither login nor tokens in the store', async () => {
    const { agent, store, url } = await start()
    await agent.visit(`${url}/photos`)
    await agent.post(`${url}/logout`)
    const left = [...store.records.values()].join('\n')
    expect(left).not.toContain('alice')
    expect(left).not.toContain('sealed')
  })

  test('a request that changes nothing writes nothing and sets no cookie', async () => {
    const { agent, store, url } = await start()
    await agent.visit(`${url}/photos`)
    const before = new Map(store.records)
    for (const path of ['/', '/photos', '/cart']) {
      expect((await agent.visit(url + path)).headers['set-cookie']).toBeUndefined()
    }
    expect(store.records).toEqual(before)
  })
})

describe('cookies', () => {
  const attributesOf = (line: string) => {
    const [pair = '', ...rest] = line.split('; ')
    const kept = rest.filter((one) => !/^(Max-Age|Expires)=/i.test(one)).toSorted()
    return { name: pair.split('=')[0] ?? '', gone: /Max-Age=0/.test(line), attributes: kept }
  }

  /** A browser on the public https address of an app that is reached by plain http. */
  async function behindProxy(responseMode: 'query' | 'form_post') {
    const provider = closing(
      await startScriptedProvider({ authMethod: 'client_secret_post', responseMode }),
    )
    const publicUrl = 'https://photos.example'
    const trust: Parameters<typeof startApp>[0]['before'] = [
      (req, _res, next) => {
        Object.defineProperty(req, 'secure', { value: true })
        next()
      },
    ]
    const app = closing(
      await startApp({
        host: 'http',
        session: 'app',
        before: trust,
        config: {
          ...provider.registration,
          baseUrl: publicUrl,
          responseMode,
        },
      }),
    )
    provider.registerApp(publicUrl)
    return { app, publicUrl }
  }

  test.each([
    ['query', ['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']],
    ['form_post', ['HttpOnly', 'Path=/', 'SameSite=None', 'Secure']],
  ] as const)(
    'of a login (%s) are deleted with the attributes they were set with',
    async (responseMode, attributes) => {
      const { app } = await behindProxy(responseMode)
      const agent = createUserAgent()
      const headers = { host: 'photos.example' }
      const first = await agent.visit(`${app.url}/login`, { headers, stopBefore: () => true })
      const [set = ''] = first.headers['set-cookie'] ?? []
      expect(set).toMatch(/^__Host-oauth-tx-[\w-]{16}=/)
      expect(attributesOf(set)).toMatchObject({ gone: false, attributes })

      const [cookie = ''] = set.split(';')
      const state = new URL(first.headers.location ?? '').searchParams.get('state')
      const failed = await agent.visit(`${app.url}/callback?state=${state}&error=access_denied`, {
        headers: { ...headers, cookie },
      })
      const cleared = (failed.headers['set-cookie'] ?? []).map(attributesOf)
      expect(cleared).toEqual([{ ...attributesOf(set), gone: true }])
    },
  )

  test('of others are left alone', async () => {
    const { agent, url } = await start()
    await agent.cookies.set(url, 'theme=dark; Path=/')
    const page: Page = await agent.visit(`${url}/photos`)
    const touched = page.hops.flatMap(({ setCookies }) =>
      setCookies.map((line) => line.split('=')[0]),
    )
    expect(touched).not.toContain('theme')
    expect((await agent.cookies.of(url)).get('theme')).toBe('dark')
  })

  test('of pending logins are gone after any outcome, and those of the guard after a minute', async () => {
    const { agent, url } = await start()
    await agent.visit(`${url}/photos`)
    advanceClock(61_000)
    const names = [...(await agent.cookies.of(url)).keys()]
    expect(names.filter((name) => name.startsWith('oauth-'))).toEqual([])
  })
})
