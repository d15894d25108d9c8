import { describe, expect, test } from '@jest/globals'
import express, { type Request, type RequestHandler, type Response } from 'express'
import session, { type SessionData } from 'express-session'
import { memoryStore, oauth, requireAuth, type OAuthOptions } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { createHold, type Hold } from '../support/hold.ts'
import { listen } from '../support/listen.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { SmallStore } from '../support/small-store.ts'
import { withClaims } from '../support/trial.ts'
import { createUserAgent } from '../support/user-agent.ts'

const closing = closeAfterEach()

interface Setting {
  readonly mountedBy?: 'the app' | 'us'
  /** What `/slow` does when the hold lets it go. */
  readonly slow?: (req: Request, res: Response) => unknown
  readonly store?: SmallStore
  readonly rolling?: boolean
  readonly onLogin?: OAuthOptions['onLogin']
  /** Mounted before everything else. */
  readonly first?: RequestHandler
}

const pushLate = (req: Request, res: Response) => {
  ;(req.session.cart ??= []).push('late')
  res.json({ cart: req.session.cart })
}

/** A shop with a cart and a note in its session. */
async function start(setting: Setting = {}) {
  const { mountedBy = 'the app', slow = pushLate, store = new SmallStore() } = setting
  const { first, onLogin, rolling } = setting
  const provider = closing(await startScriptedProvider({ authMethod: 'client_secret_post' }))
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
        ...(rolling && { rolling }),
      }
      if (first) app.use(first)
      if (mountedBy === 'the app') app.use(session(options))
      app.use(
        oauth({
          ...provider.registration,
          baseUrl,
          secret: 'the-secret-of-an-app-with-its-own-store-0123456789',
          logout: { provider: false },
          tokenStore: memoryStore(),
          ...(onLogin && { onLogin }),
          ...(mountedBy === 'us' ? { session: { store, ...(rolling && { rolling }) } } : {}),
        }),
      )
      app.get('/cart', (req, res) => {
        const { item, note } = req.query
        if (typeof item === 'string') (req.session.cart ??= []).push(item)
        if (typeof note === 'string') req.session.note = note
        const { cart = [], note: kept } = req.session
        res.json({ sub: req.auth?.user.sub ?? null, cart, ...(kept && { note: kept }) })
      })
      app.get('/slow', async (req, res) => {
        await hold.pass()
        await slow(req, res)
      })
      app.get('/account', requireAuth(), (req, res) => void res.json(req.auth))
      return app
    }),
  )
  provider.registerApp(url)
  const agent = createUserAgent()
  /** The answer of a page that changes the session, when `meanwhile` has happened in another tab. */
  async function slowly(meanwhile: () => Promise<unknown>) {
    const answer = agent.fetch(`${url}/slow`)
    await hold.arrived
    await meanwhile()
    hold.release()
    return answer
  }
  const signInAs = (sub: string) => {
    provider.script({ idToken: withClaims({ sub }), userinfo: (all) => ({ ...all, sub }) })
    return agent.visit(`${url}/login?return_to=/cart`)
  }
  const cart = async () => (await agent.fetch(`${url}/cart`)).json()
  return { agent, cart, hold, signInAs, slowly, store, url }
}

describe.each(['the app', 'us'] as const)(
  'a page under way, with a session mounted by %s',
  (by) => {
    test('does not take a login away, and what it wrote is there', async () => {
      const { agent, cart, slowly, store, url } = await start({ mountedBy: by })
      await agent.visit(`${url}/cart?item=early`)
      const answer = await slowly(() => agent.visit(`${url}/account`))
      expect([answer.status, answer.headers['set-cookie']]).toEqual([200, undefined])
      expect(await cart()).toEqual({ sub: 'alice', cart: ['early', 'late'] })
      expect([...store.records.values()].filter((one) => one.includes('early'))).toHaveLength(1)
    })

    test('does not bring a session back that a logout has ended, and what it wrote is there', async () => {
      const { agent, cart, slowly, store, url } = await start({ mountedBy: by })
      await agent.visit(`${url}/account`)
      await agent.visit(`${url}/cart?item=early`)
      const answer = await slowly(() => agent.post(`${url}/logout`))
      expect([answer.status, answer.headers['set-cookie']]).toEqual([200, undefined])
      expect(await cart()).toEqual({ sub: null, cart: ['early', 'late'] })
      expect([...store.records.values()].join()).not.toContain('alice')
    })

    test('follows the session through a logout and a login', async () => {
      const { agent, cart, slowly, url } = await start({ mountedBy: by })
      await agent.visit(`${url}/account`)
      await slowly(async () => {
        await agent.post(`${url}/logout`)
        await agent.visit(`${url}/account`)
      })
      expect(await cart()).toEqual({ sub: 'alice', cart: ['late'] })
    })

    test('leaves nothing to another person who has signed in over the first', async () => {
      const { agent, cart, signInAs, slowly, url } = await start({ mountedBy: by })
      await agent.visit(`${url}/account`)
      await slowly(() => signInAs('bob'))
      expect(await cart()).toEqual({ sub: 'bob', cart: [] })
    })

    test('changes nothing for another person who has signed in after a logout', async () => {
      const { agent, cart, signInAs, slowly, url } = await start({ mountedBy: by })
      await agent.visit(`${url}/account`)
      await agent.visit(`${url}/cart?item=early`)
      await slowly(async () => {
        await agent.post(`${url}/logout`)
        await signInAs('bob')
        await agent.visit(`${url}/cart?note=of-bob`)
      })
      expect(await cart()).toEqual({ sub: 'bob', cart: ['early'], note: 'of-bob' })
    })

    test('does not take back what was kept since', async () => {
      const { agent, cart, slowly, url } = await start({ mountedBy: by })
      await agent.visit(`${url}/cart?item=early&note=old`)
      await slowly(async () => {
        await agent.visit(`${url}/account`)
        await agent.visit(`${url}/cart?note=new`)
      })
      expect(await cart()).toEqual({ sub: 'alice', cart: ['early', 'late'], note: 'new' })
    })

    test('does not undo what onLogin has put into the session', async () => {
      const { agent, cart, slowly, url } = await start({
        mountedBy: by,
        onLogin: (_details, req) => void ((req as Request).session.note = 'of onLogin'),
      })
      await agent.visit(`${url}/cart?item=early&note=old`)
      await slowly(() => agent.visit(`${url}/account`))
      expect(await cart()).toEqual({ sub: 'alice', cart: ['early', 'late'], note: 'of onLogin' })
    })

    test('shows its session to whoever looks when the headers go out', async () => {
      const seen: unknown[] = []
      const { agent, slowly, url } = await start({
        mountedBy: by,
        first: (req, res, next) => {
          const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => Response
          res.writeHead = (...args: unknown[]) => {
            const answer = writeHead(...args)
            if (req.path === '/slow') seen.push(req.session.cart)
            return answer
          }
          next()
        },
      })
      await agent.visit(`${url}/cart?item=early`)
      expect((await slowly(() => agent.visit(`${url}/account`))).status).toBe(200)
      expect(seen).toEqual([['early', 'late']])
    })

    test('loses nothing to another one that ends at the same moment', async () => {
      const slow = (req: Request, res: Response) => {
        const { note } = req.query
        if (typeof note === 'string') req.session.note = note
        else (req.session.cart ??= []).push('late')
        res.json({})
      }
      const { agent, cart, slowly, url } = await start({ mountedBy: by, slow })
      await agent.visit(`${url}/cart?item=early`)
      let other: Promise<unknown> | undefined
      await slowly(() => {
        other = agent.fetch(`${url}/slow?note=late`)
        return agent.visit(`${url}/account`)
      })
      await other
      expect(await cart()).toEqual({ sub: 'alice', cart: ['early', 'late'], note: 'late' })
    })

    test('can take something out of the session', async () => {
      const slow = (req: Request, res: Response) => {
        delete req.session.note
        res.json({})
      }
      const { agent, cart, slowly, url } = await start({ mountedBy: by, slow })
      await agent.visit(`${url}/cart?item=early&note=old`)
      await slowly(() => agent.visit(`${url}/account`))
      expect(await cart()).toEqual({ sub: 'alice', cart: ['early'] })
    })

    test.each([true, false])(
      'leaves the cookie alone when it streams, rolling: %s',
      async (rolling) => {
        const slow = (req: Request, res: Response) => {
          ;(req.session.cart ??= []).push('late')
          res.write('one')
          res.end('two')
        }
        const { agent, cart, slowly, url } = await start({ mountedBy: by, slow, rolling })
        await agent.visit(`${url}/cart?item=early`)
        const answer = await slowly(() => agent.visit(`${url}/account`))
        expect(answer.headers['set-cookie']).toBeUndefined()
        expect(await cart()).toEqual({ sub: 'alice', cart: ['early', 'late'] })
      },
    )

    test('keeps its session when the login of another tab cannot be stored', async () => {
      const { agent, cart, slowly, store, url } = await start({ mountedBy: by })
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

/** Goes by `cookie.maxAge`, as memorystore, connect-sqlite3 and others do. */
class MaxAgeStore extends SmallStore {
  readonly lifetimes = new Map<string, unknown>()
  override set(id: string, data: SessionData, done?: (error?: unknown) => void): void {
    this.lifetimes.set(id, data.cookie.maxAge)
    super.set(id, data, done)
  }
}

test('what a page under way saves leaves the session its life time', async () => {
  const store = new MaxAgeStore()
  const { agent, slowly, url } = await start({ store })
  await agent.visit(`${url}/cart?item=early`)
  await slowly(() => agent.visit(`${url}/account`))
  const [id = ''] = [...store.records].find(([, text]) => text.includes('late')) ?? []
  expect(store.lifetimes.get(id)).toEqual(expect.any(Number))
})

/** One write waits until it is let go, and fails then or later. */
class HeldStore extends SmallStore {
  held: { readonly hold: Hold; readonly of: (data: SessionData) => boolean } | undefined
  fails: ((data: SessionData) => boolean) | undefined
  override set(id: string, data: SessionData, done?: (error?: unknown) => void): void {
    const { held } = this
    if (held?.of(data)) {
      this.held = undefined
      return void held.hold.pass().then(() => this.set(id, data, done))
    }
    if (this.fails?.(data)) return void setImmediate(() => done?.(new Error('read only')))
    super.set(id, data, done)
  }
}

test('a page that saves twice keeps its life time when the login meanwhile cannot be stored', async () => {
  const store = new HeldStore()
  const login = createHold()
  const slow = async (req: Request, res: Response) => {
    const save = () => new Promise((resolve) => void req.session.save(resolve))
    req.session.cart = ['one']
    const first = save()
    req.session.cart.push('two')
    const second = save()
    login.release()
    await Promise.all([first, second])
    res.json({})
  }
  const { agent, hold, url } = await start({ slow, store })
  await agent.visit(`${url}/cart?item=early`)
  const answer = agent.fetch(`${url}/slow`)
  await hold.arrived
  const isLogin = (data: SessionData) => data.oauth !== undefined
  store.held = { hold: login, of: isLogin }
  store.fails = isLogin
  const failing = agent.visit(`${url}/account`)
  await login.arrived
  hold.release()
  await answer
  expect((await failing).status).toBe(503)
  const [stored = '{}'] = [...store.records.values()].filter((text) => text.includes('two'))
  expect(JSON.parse(stored).cookie.expires).toEqual(expect.any(String))
})

test('a second logout that fails does not revive what the first one has ended', async () => {
  const store = new HeldStore()
  const first = createHold()
  const { agent, slowly, url } = await start({ store })
  await agent.visit(`${url}/account`)
  await agent.visit(`${url}/cart?item=early`)
  const cookie = await agent.cookies.header(new URL(url), 'strict')
  const answer = await slowly(async () => {
    const isCart = (data: SessionData) => data.cart !== undefined
    store.held = { hold: first, of: isCart }
    const ending = agent.post(`${url}/logout`)
    await first.arrived
    store.fails = isCart
    const failed = await createUserAgent().post(`${url}/logout`, {}, { headers: { cookie } })
    expect(failed.status).toBe(503)
    store.fails = undefined
    first.release()
    await ending
  })
  expect(answer.headers['set-cookie']).toBeUndefined()
  expect([...store.records.values()].filter((text) => text.includes('"oauth"'))).toEqual([])
})

/** Keeps whatever it is asked to prolong, known or not. */
class UpsertingStore extends SmallStore {
  override touch(id: string, data: SessionData, done?: (error?: unknown) => void): void {
    this.set(id, data, done)
  }
}

test('a page that changed nothing does not prolong the session that a logout has ended', async () => {
  const store = new UpsertingStore()
  const slow = (_req: Request, res: Response) => void res.json({})
  const { agent, slowly, url } = await start({ slow, store })
  await agent.visit(`${url}/account`)
  await slowly(() => agent.post(`${url}/logout`))
  expect([...store.records.values()].filter((text) => text.includes('"oauth"'))).toEqual([])
})

test('a store whose methods cannot be replaced serves as well as ever', async () => {
  const store = new SmallStore()
  const set = store.set.bind(store)
  Object.defineProperty(store, 'set', { value: set, writable: false })
  const { agent, cart, store: kept, url } = await start({ store })
  await agent.visit(`${url}/cart?item=early`)
  await agent.visit(`${url}/account`)
  expect(await cart()).toEqual({ sub: 'alice', cart: ['early'] })
  await agent.post(`${url}/logout`)
  expect(await cart()).toEqual({ sub: null, cart: ['early'] })
  expect([...kept.records.values()].join()).not.toContain('alice')
})
