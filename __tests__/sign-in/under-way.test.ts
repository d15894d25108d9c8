import { describe, expect, test } from '@jest/globals'
import express from 'express'
import session from 'express-session'
import { oauth, requireAuth } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { createHold } from '../support/hold.ts'
import { listen } from '../support/listen.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { SmallStore } from '../support/small-store.ts'
import { withClaims } from '../support/trial.ts'
import { createUserAgent } from '../support/user-agent.ts'

const closing = closeAfterEach()

/** A shop whose `/slow` puts an item into the cart when the hold lets it go. */
async function start(mountedBy: 'the app' | 'us') {
  const provider = closing(await startScriptedProvider({ authMethod: 'client_secret_post' }))
  const store = new SmallStore()
  const hold = createHold()
  const { url } = closing(
    await listen((baseUrl) => {
      const app = express()
      const options = {
        store,
        secret: 'the-secret-of-the-apps-own-session-cookie',
        resave: false,
        saveUninitialized: false,
        cookie: { maxAge: 3_600_000 },
      }
      if (mountedBy === 'the app') app.use(session(options))
      app.use(
        oauth({
          ...provider.registration,
          baseUrl,
          secret: 'the-secret-of-an-app-with-its-own-store-0123456789',
          logout: { provider: false },
          ...(mountedBy === 'us' ? { session: { store } } : {}),
        }),
      )
      app.get('/cart', (req, res) => {
        const { item } = req.query
        if (typeof item === 'string') (req.session.cart ??= []).push(item)
        res.json({ sub: req.auth?.user.sub ?? null, cart: req.session.cart ?? [] })
      })
      app.get('/slow', async (req, res) => {
        await hold.pass()
        ;(req.session.cart ??= []).push('late')
        res.json({ cart: req.session.cart })
      })
      app.get('/account', requireAuth(), (req, res) => void res.json(req.auth))
      return app
    }),
  )
  provider.registerApp(url)
  const agent = createUserAgent()
  /** The answer of a page that changes the session, when `meanwhile` has happened in another tab. */
  async function slowly(meanwhile: () => Promise<unknown>) {
    const slow = agent.fetch(`${url}/slow`)
    await hold.arrived
    await meanwhile()
    hold.release()
    return slow
  }
  const cart = async () => (await agent.fetch(`${url}/cart`)).json()
  return { agent, cart, provider, slowly, store, url }
}

describe.each(['the app', 'us'] as const)(
  'a page under way, with a session mounted by %s',
  (by) => {
    test('does not take a login away, and what it wrote is there', async () => {
      const { agent, cart, slowly, store, url } = await start(by)
      await agent.visit(`${url}/cart?item=early`)
      const answer = await slowly(() => agent.visit(`${url}/account`))
      expect([answer.status, answer.headers['set-cookie']]).toEqual([200, undefined])
      expect(await cart()).toEqual({ sub: 'alice', cart: ['early', 'late'] })
      expect([...store.records.values()].filter((one) => one.includes('early'))).toHaveLength(1)
    })

    test('does not bring a session back that a logout has ended, and what it wrote is there', async () => {
      const { agent, cart, slowly, store, url } = await start(by)
      await agent.visit(`${url}/account`)
      await agent.visit(`${url}/cart?item=early`)
      const answer = await slowly(() => agent.post(`${url}/logout`))
      expect([answer.status, answer.headers['set-cookie']]).toEqual([200, undefined])
      expect(await cart()).toEqual({ sub: null, cart: ['early', 'late'] })
      expect([...store.records.values()].join()).not.toContain('alice')
    })

    test('follows the session through a logout and a login', async () => {
      const { agent, cart, slowly, url } = await start(by)
      await agent.visit(`${url}/account`)
      await slowly(async () => {
        await agent.post(`${url}/logout`)
        await agent.visit(`${url}/account`)
      })
      expect(await cart()).toEqual({ sub: 'alice', cart: ['late'] })
    })

    test('leaves nothing to another person who has signed in over the first', async () => {
      const { agent, cart, provider, slowly, url } = await start(by)
      await agent.visit(`${url}/account`)
      const bob = { sub: 'bob' }
      await slowly(() => {
        provider.script({ idToken: withClaims(bob), userinfo: (all) => ({ ...all, ...bob }) })
        return agent.visit(`${url}/login`)
      })
      expect(await cart()).toEqual({ sub: 'bob', cart: [] })
    })

    test('keeps its session when the login of another tab cannot be stored', async () => {
      const { agent, cart, slowly, store, url } = await start(by)
      await agent.visit(`${url}/cart?item=early`)
      const answer = await slowly(async () => {
        const atProvider = (target: URL) => target.pathname === '/callback'
        const stopped = await agent.visit(`${url}/account`, { stopBefore: atProvider })
        store.readOnly = true
        const failed = await agent.visit(new URL(stopped.headers.location ?? '', stopped.url).href)
        store.readOnly = false
        expect([failed.status, failed.headers['set-cookie']]).toEqual([503, undefined])
      })
      expect(answer.status).toBe(200)
      expect(await cart()).toEqual({ sub: null, cart: ['early', 'late'] })
    })
  },
)
