import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from '@jest/globals'
import session, { MemoryStore, type SessionData, type Store } from 'express-session'
import { readConfig } from '../lib/config.ts'
import type { OAuthOptions } from '../lib/options.ts'
import { isOAuthError } from '../lib/errors.ts'
import { createSessions, type Sessions } from '../lib/session.ts'
import type { LoginRecord } from '../lib/session-content.ts'
import { closeAfterEach } from './support/cleanups.ts'
import { exchange } from './support/exchange.ts'
import { SmallStore } from './support/small-store.ts'

const closing = closeAfterEach()
const secret = 'the-sealing-secret-of-at-least-32-characters'

const configFor = (options: OAuthOptions = {}) =>
  readConfig({
    issuer: 'https://idp.example.com',
    clientId: 'photo-editor',
    clientSecret: 'the-client-secret',
    baseUrl: 'http://127.0.0.1',
    secret,
    ...options,
  })

const loginOf = (sub: string): Omit<LoginRecord, 'client'> => ({
  tokenSetId: `tokens-of-${sub}`,
  user: { sub },
  provider: 'https://idp.example.com',
  at: Date.now(),
  expiresAt: Date.now() + 3_600_000,
})

/** The app's own part of a session; the tests are the app here. */
type AppRequest = IncomingMessage & {
  session: Record<string, unknown>
  sessionID: string
  secure?: boolean
}
type Work = (req: AppRequest, res: ServerResponse) => unknown

interface Visit {
  readonly value: unknown
  readonly error: unknown
  readonly setCookies: readonly string[]
}

/** A site with a session, where each request runs the work that the test gives it. */
async function startSite(options: OAuthOptions = {}, appMounts?: Parameters<typeof session>[0]) {
  const sessions = createSessions(configFor(options))
  const open = appMounts ? (session(appMounts) as unknown as Sessions['open']) : sessions.open
  let work: Work = () => undefined
  let outcome: Pick<Visit, 'value' | 'error'> = { value: undefined, error: undefined }
  const server = createServer((req, res) => {
    open(req, res, (failure) => {
      const run = async () => {
        if (failure) throw failure as Error
        return work(req as AppRequest, res)
      }
      run()
        .then(
          (value) => (outcome = { value, error: undefined }),
          (error: unknown) => (outcome = { value: undefined, error }),
        )
        .finally(() => res.end())
    })
  })
  closing({
    close() {
      server.close()
      server.closeAllConnections()
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/editor`)

  async function visit(cookie: string | undefined, todo: Work, headers = {}): Promise<Visit> {
    work = todo
    const sent = { ...headers, ...(cookie ? { cookie } : {}) }
    const answer = await exchange({ method: 'GET', url, headers: sent })
    return { ...outcome, setCookies: answer.headers['set-cookie'] ?? [] }
  }
  return { sessions, visit }
}

const cookieOf = ({ setCookies }: Visit): string => setCookies.at(-1)?.split(';')[0] ?? ''
const storedIn = (store: MemoryStore) =>
  Object.values((store as unknown as { sessions: Record<string, string> }).sessions).map(
    (text) => JSON.parse(text) as Record<string, unknown>,
  )

describe('the session that we mount', () => {
  const behindProxy = { 'x-forwarded-proto': 'https' }
  const touch: Work = (req) => void (req.session['cart'] = ['apple'])

  it.each<[string, OAuthOptions, RegExp]>([
    [
      'https',
      { baseUrl: 'https://app.example.com', session: { proxy: true } },
      /^__Host-session=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/,
    ],
    ['http on loopback', {}, /^session=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/],
    [
      'a path of the app',
      {
        baseUrl: 'https://app.example.com',
        session: { proxy: true, cookie: { path: '/editor', sameSite: 'strict' } },
      },
      /^session=s%3A[^;]+; Path=\/editor; Expires=[^;]+; HttpOnly; Secure; SameSite=Strict$/,
    ],
    [
      'a name of the app',
      { session: { name: 'sid' } },
      /^sid=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    ],
  ])('has a cookie as narrow as it can be: %s', async (_title, options, expected) => {
    const { visit } = await startSite(options)
    const { setCookies } = await visit(undefined, touch, behindProxy)
    expect(setCookies).toEqual([expect.stringMatching(expected)])
  })

  it('sets no cookie and stores nothing for a visitor whose session stays empty', async () => {
    const store = new MemoryStore()
    const { visit } = await startSite({ session: { store } })
    const { setCookies } = await visit(undefined, () => undefined)
    expect([setCookies, storedIn(store)]).toEqual([[], []])
  })

  /** Keeps what it has in a private field, as connect-pg-simple does. */
  function createPrivateStore() {
    const calls: string[] = []
    class PrivateStore extends MemoryStore {
      readonly #calls = calls
      override get(...args: Parameters<MemoryStore['get']>) {
        this.#calls.push('get')
        super.get(...args)
      }
      override set(...args: Parameters<MemoryStore['set']>) {
        this.#calls.push('set')
        super.set(...args)
      }
      override touch(...args: Parameters<MemoryStore['touch']>) {
        this.#calls.push('touch')
        super.touch(...args)
      }
    }
    return { store: new PrivateStore(), calls }
  }

  it('is only read by a request that changed nothing, whatever kind of store it is in', async () => {
    const { calls, store } = createPrivateStore()
    const { sessions, visit } = await startSite({ session: { store } })
    const cookie = cookieOf(await visit(undefined, touch))
    calls.length = 0
    expect(await visit(cookie, (req) => sessions.store(req) === store)).toMatchObject({
      value: true,
      setCookies: [],
    })
    expect(calls).toEqual(['get'])
  })

  it.each([{ rolling: true }, { cookie: { maxAge: null } }, { cookie: () => ({}) }])(
    'is prolonged with every request where the app wants that: %p',
    async (options) => {
      const { calls, store } = createPrivateStore()
      const { visit } = await startSite({ session: { store, ...options } })
      const cookie = cookieOf(await visit(undefined, touch))
      calls.length = 0
      await visit(cookie, () => undefined)
      expect(calls).toEqual(['get', 'touch'])
    },
  )

  it.each<[string, object, string[]]>([
    ['a store that counts from the last visit', {}, ['get', 'touch']],
    ['RedisStore', { ttl: 86_400 }, ['get']],
    ['RedisStore', { ttl: () => 600 }, ['get', 'touch']],
    ['PGStore', {}, ['get']],
  ])(
    'in %s (%p) is prolonged unless record and cookie end together',
    async (name, own, expected) => {
      const calls: string[] = []
      class CountingStore extends SmallStore {
        override get(...args: Parameters<SmallStore['get']>) {
          calls.push('get')
          super.get(...args)
        }
        override touch(_id: string, _data: SessionData, done?: () => void) {
          calls.push('touch')
          done?.()
        }
      }
      const named = { [name]: class extends CountingStore {} } as Record<
        string,
        typeof CountingStore
      >
      const store = Object.assign(new (named[name] ?? CountingStore)(), own)
      const { visit } = await startSite({ session: { store } })
      const cookie = cookieOf(await visit(undefined, touch))
      calls.length = 0
      await visit(cookie, () => undefined)
      expect(calls).toEqual(expected)
    },
  )

  it('can have a cookie that depends on the request', async () => {
    const cookie = (req: IncomingMessage) => ({
      sameSite: req.headers['x-strict'] ? ('strict' as const) : ('lax' as const),
    })
    const { visit } = await startSite({ session: { cookie } })
    const strict = await visit(undefined, touch, { 'x-strict': '1' })
    expect(strict.setCookies).toEqual([
      expect.stringMatching(/^session=[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/),
    ])
    const lax = await visit(undefined, touch)
    expect(lax.setCookies).toEqual([expect.stringContaining('SameSite=Lax')])
  })

  it('is not written by a request that changed nothing', async () => {
    const store = new MemoryStore()
    const { visit } = await startSite({ session: { store } })
    const cookie = cookieOf(await visit(undefined, touch))
    let writes = 0
    const set = store.set.bind(store)
    store.set = (...call) => {
      writes += 1
      set(...call)
    }
    const again = await visit(cookie, (req) => req.session['cart'])
    expect([again.value, again.setCookies, writes]).toEqual([['apple'], [], 0])
  })

  it('is not signed with the secret itself, and is read after the secret was rotated', async () => {
    const store = new MemoryStore()
    const before = await startSite({ session: { store } })
    const cookie = cookieOf(await before.visit(undefined, touch))
    const read: Work = (req) => req.session['cart']
    const after = await startSite({ session: { store }, secret: ['n'.repeat(32), secret] })
    expect((await after.visit(cookie, read)).value).toEqual(['apple'])
    const raw = await startSite({ session: { store, secret } })
    expect((await raw.visit(cookie, read)).value).toBeUndefined()
  })
})

describe('a login', () => {
  const signIn =
    (sessions: Sessions, sub = 'alice'): Work =>
    (req) =>
      sessions.begin(req, loginOf(sub))

  it('begins with a new session id and keeps what the app had in the session', async () => {
    const store = new MemoryStore()
    const { sessions, visit } = await startSite({ session: { store } })
    const before = await visit(undefined, (req) => {
      req.session['cart'] = ['apple']
      return req.sessionID
    })
    const after = await visit(cookieOf(before), signIn(sessions))
    expect(after.value).not.toBe(before.value)
    const seen = await visit(cookieOf(after), (req) => [
      req.sessionID,
      req.session['cart'],
      sessions.login(req)?.user.sub,
    ])
    expect(seen.value).toEqual([after.value, ['apple'], 'alice'])
    expect(storedIn(store)).toHaveLength(1)
  })

  it('needs another id than the session has, and says so where genid gives none', async () => {
    const { sessions, visit } = await startSite({ session: { genid: () => 'always-the-same' } })
    const cookie = cookieOf(await visit(undefined, (req) => void (req.session['cart'] = ['apple'])))
    const { error } = await visit(cookie, signIn(sessions))
    expect(error).toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      detail: expect.stringContaining('genid') as unknown,
    })
    expect((await visit(cookie, (req) => req.session['cart'])).value).toEqual(['apple'])
  })

  it('does not exist for whoever has the old cookie', async () => {
    const { sessions, visit } = await startSite()
    const planted = cookieOf(await visit(undefined, (req) => void (req.session['x'] = 1)))
    await visit(planted, signIn(sessions))
    const attacker = await visit(planted, (req) => sessions.login(req))
    expect(attacker.value).toBeUndefined()
  })

  it('is stored when it resolves, before any answer is sent', async () => {
    const store = new MemoryStore()
    const { sessions, visit } = await startSite({ session: { store } })
    const { value } = await visit(undefined, async (req) => {
      await sessions.begin(req, loginOf('alice'))
      return storedIn(store).map(({ oauth }) => (oauth as LoginRecord).user.sub)
    })
    expect(value).toEqual(['alice'])
  })

  it('keeps what a request wrote meanwhile', async () => {
    const { sessions, visit } = await startSite()
    const cookie = cookieOf(await visit(undefined, (req) => void (req.session['cart'] = ['apple'])))
    const slow = await visit(cookie, async (req) => {
      await new Promise((resolve) => {
        sessions
          .store(req)
          .set(req.sessionID, { ...req.session, cart: ['apple', 'pear'] } as never, resolve)
      })
      await sessions.begin(req, loginOf('alice'))
      return req.session['cart']
    })
    expect(slow.value).toEqual(['apple', 'pear'])
  })

  it.each([
    ['another client of the same provider', { clientId: 'album-printer' }, ['apple']],
    ['another provider', { issuer: 'https://other.example.com' }, undefined],
  ])(
    'is unknown to %s, and so is the cart unless the person is the same',
    async (_other, options, expected) => {
      const store = new MemoryStore()
      const { sessions, visit } = await startSite({ session: { store } })
      const first = cookieOf(await visit(undefined, signIn(sessions)))
      await visit(first, (req) => void (req.session['cart'] = ['apple']))
      const other = await startSite({ session: { store }, ...options })
      expect((await other.visit(first, (req) => other.sessions.login(req))).value).toBeUndefined()

      const { provider: known } = loginOf('alice')
      const provider = 'issuer' in options ? options.issuer : known
      const login = { ...loginOf('alice'), provider }
      const second = cookieOf(await other.visit(first, (req) => other.sessions.begin(req, login)))
      const seen = await other.visit(second, (req) => [
        other.sessions.login(req)?.user.sub,
        req.session['cart'],
      ])
      expect(seen.value).toEqual(['alice', expected])
      expect((await visit(second, (req) => sessions.login(req))).value).toBeUndefined()
    },
  )

  it('of the same person again keeps the cart, and of another one does not', async () => {
    const { sessions, visit } = await startSite()
    const cart: Work = (req) => req.session['cart']
    const first = await visit(undefined, async (req) => {
      req.session['cart'] = ['apple']
      await sessions.begin(req, loginOf('alice'))
    })
    const again = await visit(cookieOf(first), signIn(sessions))
    expect((await visit(cookieOf(again), cart)).value).toEqual(['apple'])
    const other = await visit(cookieOf(again), signIn(sessions, 'bob'))
    expect((await visit(cookieOf(other), cart)).value).toBeUndefined()
  })

  it('ends with a new session id, the cart and nobody signed in', async () => {
    const store = new MemoryStore()
    const { sessions, visit } = await startSite({ session: { store } })
    const login = await visit(undefined, async (req) => {
      req.session['cart'] = ['apple']
      return sessions.begin(req, loginOf('alice'))
    })
    const logout = await visit(cookieOf(login), async (req) => {
      await sessions.end(req)
      return req.sessionID
    })
    expect(logout.value).not.toBe(login.value)
    expect(storedIn(store)).toEqual([{ cookie: expect.anything(), cart: ['apple'] }])
    const old = await visit(cookieOf(login), (req) => sessions.login(req))
    expect(old.value).toBeUndefined()
  })

  it('is handed once more to the browser that lost the answer, and only a login is', async () => {
    const { sessions, visit } = await startSite()
    const login = await visit(undefined, signIn(sessions))
    const adopted = await visit(undefined, async (req) => [
      await sessions.adopt(req, String(login.value)),
      sessions.isLoginOf(req, String(login.value)),
      sessions.isLoginOf(req, 'another'),
    ])
    expect(adopted.value).toEqual([true, true, false])
    const seen = await visit(cookieOf(adopted), (req) => sessions.login(req)?.user.sub)
    expect(seen.value).toBe('alice')

    const cart = await visit(undefined, (req) => {
      req.session['cart'] = ['apple']
      return req.sessionID
    })
    for (const id of [String(cart.value), 'unknown']) {
      expect((await visit(undefined, (req) => sessions.adopt(req, id))).value).toBe(false)
    }
  })
})

describe('records of our own', () => {
  it('live beside the sessions', async () => {
    const { sessions, visit } = await startSite()
    const record = { pending: { state: 'x', list: [1, null] } }
    await visit(undefined, (req) => sessions.putRecord(req, 'oauth-tx-1', record, 60_000))
    const read: Work = (req) => sessions.getRecord(req, 'oauth-tx-1')
    expect((await visit(undefined, read)).value).toEqual(record)
    await visit(undefined, (req) => sessions.dropRecord(req, 'oauth-tx-1'))
    expect((await visit(undefined, read)).value).toBeUndefined()
  })

  it('tell the store how long they live', async () => {
    const store = new MemoryStore()
    const { sessions, visit } = await startSite({ session: { store } })
    const before = Date.now()
    await visit(undefined, (req) => sessions.putRecord(req, 'oauth-tx-1', {}, 60_000))
    const [{ cookie } = {}] = storedIn(store)
    const { expires, originalMaxAge } = cookie as { expires: string; originalMaxAge: number }
    expect(originalMaxAge).toBe(60_000)
    expect(Date.parse(expires) - before).toBeGreaterThanOrEqual(60_000)
  })
})

describe('a session store', () => {
  type Callback = (error?: unknown, value?: unknown) => void

  const broken = (method: 'get' | 'set' | 'destroy', behave: (done: Callback) => unknown) => {
    const store = new MemoryStore() as Store & Record<string, unknown>
    store[method] = (...call: unknown[]) => behave(call.at(-1) as Callback)
    return store
  }

  const work: Record<string, (sessions: Sessions) => Work> = {
    get: (sessions) => (req) => sessions.getRecord(req, 'x'),
    set: (sessions) => (req) => sessions.putRecord(req, 'x', {}, 1000),
    destroy: (sessions) => (req) => sessions.dropRecord(req, 'x'),
  }
  const methods = ['get', 'set', 'destroy'] as const

  it.each(methods)('that fails to %s is an outage, with the cause', async (method) => {
    const cause = new Error('connection lost')
    const store = broken(method, (done) => done(cause))
    const { sessions, visit } = await startSite({ session: { store } })
    const { error } = await visit(undefined, work[method]?.(sessions) ?? (() => undefined))
    expect(error).toMatchObject({
      code: 'ERR_SESSION_STORE_UNAVAILABLE',
      status: 503,
      retryAfter: 5,
      cause,
    })
  })

  it.each(methods)('that throws in %s is an outage', async (method) => {
    const store = broken(method, () => {
      throw new Error('connection lost')
    })
    const { sessions, visit } = await startSite({ session: { store } })
    const { error } = await visit(undefined, work[method]?.(sessions) ?? (() => undefined))
    expect(error).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' })
  })

  it.each(methods)(
    'that rejects in %s is an outage, and no unhandled rejection',
    async (method) => {
      const store = broken(method, () => Promise.reject(new Error('connection lost')))
      const { sessions, visit } = await startSite({ session: { store } })
      const { error } = await visit(undefined, work[method]?.(sessions) ?? (() => undefined))
      expect(error).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' })
    },
  )

  it.each(methods)('that never answers to %s is an outage after the timeout', async (method) => {
    const store = broken(method, () => {})
    const { sessions, visit } = await startSite({ session: { store }, timeout: 0.1 })
    const { error } = await visit(undefined, work[method]?.(sessions) ?? (() => undefined))
    expect(error).toMatchObject({
      code: 'ERR_SESSION_STORE_UNAVAILABLE',
      cause: expect.objectContaining({ message: 'no answer within 100 ms' }),
    })
  })

  it('that reports an absent session as a missing file has no outage', async () => {
    const store = broken('get', (done) => done(Object.assign(new Error('no'), { code: 'ENOENT' })))
    const { sessions, visit } = await startSite({ session: { store } })
    const { error, value } = await visit(undefined, (req) => sessions.getRecord(req, 'x'))
    expect([error, value]).toEqual([undefined, undefined])
  })

  it('that fails while a login begins leaves nobody signed in', async () => {
    const store = new MemoryStore()
    const { sessions, visit } = await startSite({ session: { store } })
    store.set = (_id, _data, done) => done?.(new Error('connection lost'))
    const { error } = await visit(undefined, (req) => sessions.begin(req, loginOf('alice')))
    expect(error).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' })
    expect(storedIn(store)).toEqual([])
  })

  it('in memory is told from others', async () => {
    class OtherStore extends session.Store {
      get(_id: string, done: (error: unknown, data?: null) => void) {
        done(null, null)
      }
      set(_id: string, _data: unknown, done?: Callback) {
        done?.()
      }
      destroy(_id: string, done?: Callback) {
        done?.()
      }
    }
    const memory = await startSite()
    const other = await startSite({ session: { store: new OtherStore() } })
    expect((await memory.visit(undefined, (req) => memory.sessions.isInMemory(req))).value).toBe(
      true,
    )
    expect((await other.visit(undefined, (req) => other.sessions.isInMemory(req))).value).toBe(
      false,
    )
  })
})

describe('the session that the app mounts', () => {
  const own = { secret, resave: false, saveUninitialized: false }

  it.each([
    [{ secure: true, path: '/' }, {}, false],
    [{ secure: true, path: '/' }, { secure: true }, true],
    [{ secure: true, path: '/' }, { secure: false }, false],
    [{ secure: false, path: '/' }, {}, true],
  ])('with the cookie %j reaches the browser (%j): %j', async (cookie, marks, expected) => {
    const { sessions, visit } = await startSite({}, { ...own, cookie })
    const { value } = await visit(undefined, (req) => {
      Object.assign(req, marks)
      return [sessions.has(req), sessions.cookieSettable(req), sessions.cookiePath(req)]
    })
    expect(value).toEqual([true, expected, '/'])
  })

  it.each([
    [{ sameSite: 'strict' as const }, true],
    [{ sameSite: true }, true],
    [{ sameSite: 'lax' as const }, false],
    [{}, false],
  ])('with the cookie %j is strict: %j', async (cookie, expected) => {
    const { sessions, visit } = await startSite({}, { ...own, cookie })
    expect((await visit(undefined, (req) => sessions.isStrict(req))).value).toBe(expected)
  })
})

describe('a request without a session', () => {
  const sessions = createSessions(configFor())
  const request = (properties: object) => ({ headers: {}, ...properties }) as IncomingMessage

  it.each([
    [{}, false],
    [{ session: undefined }, false],
    [{ session: null }, false],
    [{ session: {} }, true],
  ])('is told by has(): %j', (properties, expected) => {
    expect(sessions.has(request(properties))).toBe(expected)
  })

  it('has no login and is not that of any session', () => {
    expect(sessions.login(request({}))).toBeUndefined()
    expect(sessions.isLoginOf(request({}), '')).toBe(false)
  })

  it.each([
    ['no session', {}, /mount express-session before oauth\(\)/],
    ['a session of another kind', { session: {} }, /cookie-session/],
  ])('says what is missing: %s', (_title, properties, detail) => {
    const attempt = () => sessions.store(request(properties))
    expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_SESSION_MISSING' }))
    let found: unknown
    try {
      attempt()
    } catch (error) {
      found = error
    }
    expect(isOAuthError(found) && found.detail).toMatch(detail)
  })
})
