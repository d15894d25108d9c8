import { describe, expect, it } from '@jest/globals'
import session from 'express-session'
import { sessionStore } from '../../lib/stores/session-store.ts'
import { describeTokenStore, tokenSet } from './contract.ts'

type Callback = (error?: unknown, value?: unknown) => void

describeTokenStore('sessionStore over the MemoryStore of express-session', async () => {
  const sessions = new session.MemoryStore()
  return { store: sessionStore(sessions), secondStore: sessionStore(sessions), close }
})

describeTokenStore('sessionStore over a store of files', async () => {
  const sessions = new FileLikeStore()
  return { store: sessionStore(sessions), secondStore: sessionStore(sessions), close }
})

describeTokenStore('sessionStore over a store that only returns promises', async () => {
  const sessions = new PromiseStore()
  return { store: sessionStore(sessions), secondStore: sessionStore(sessions), close }
})

describeTokenStore('sessionStore over async methods that call back later', async () => {
  const sessions = new LateStore()
  return { store: sessionStore(sessions), secondStore: sessionStore(sessions), close }
})

describe('sessionStore', () => {
  it('writes records that have the shape of a session and live as long as the token set', async () => {
    const sessions = new PromiseStore()
    const expiresAt = Date.now() + 60_000
    await sessionStore(sessions).create('id', tokenSet({ expiresAt }))
    const { cookie } = JSON.parse(sessions.values.get('oauth-set-id') ?? '')
    expect(cookie).toMatchObject({ httpOnly: true, path: '/' })
    expect(new Date(cookie.expires).getTime()).toBeGreaterThan(expiresAt - 1000)
    expect(new Date(cookie.expires).getTime()).toBeLessThan(expiresAt + 1000)
    expect(cookie.originalMaxAge).toBeGreaterThan(59_000)
    expect(cookie.originalMaxAge).toBeLessThanOrEqual(60_000)
  })

  it('shows the remaining time to stores that read maxAge', async () => {
    const ages: unknown[] = []
    const sessions = new PromiseStore()
    const spy = {
      get: (key: string) => sessions.get(key),
      destroy: (key: string) => sessions.destroy(key),
      set: async (_key: string, value: { cookie: session.Cookie }) => {
        ages.push(value.cookie.maxAge)
      },
    }
    await sessionStore(spy).create('id', tokenSet({ expiresAt: Date.now() + 60_000 }))
    expect(ages).toEqual([expect.any(Number)])
    expect(ages[0]).toBeGreaterThan(59_000)
  })

  it('forgets an expired token set when the session store does not', async () => {
    const sessions = new PromiseStore()
    const store = sessionStore(sessions)
    await store.create('id', tokenSet({ expiresAt: Date.now() + 20 }))
    await new Promise((resolve) => setTimeout(resolve, 25))
    expect(sessions.values.has('oauth-set-id')).toBe(true)
    expect(await store.read('id')).toBeUndefined()
  })

  it('takes a foreign record under its key for an absent one', async () => {
    const sessions = new PromiseStore()
    sessions.values.set('oauth-set-id', JSON.stringify({ cookie: {}, user: 'somebody' }))
    expect(await sessionStore(sessions).read('id')).toBeUndefined()
  })

  it('removes the index record with its last token set', async () => {
    const sessions = new PromiseStore()
    const store = sessionStore(sessions)
    await store.create('id', tokenSet({ subjectKey: 'somebody' }))
    expect(sessions.values.has('oauth-subject-somebody')).toBe(true)
    await store.remove('id')
    expect(sessions.values.has('oauth-subject-somebody')).toBe(false)
  })

  it.each([
    ['calls back with an error', () => new BrokenStore((_reason, callback) => callback(failure()))],
    ['returns a rejected promise', () => new BrokenStore(() => Promise.reject(failure()))],
    [
      'throws',
      () =>
        new BrokenStore(() => {
          throw failure()
        }),
    ],
  ])('rejects every operation when the session store %s', async (_way, broken) => {
    const store = sessionStore(broken())
    await expect(store.create('id', tokenSet())).rejects.toThrow('the disk is full')
    await expect(store.read('id')).rejects.toThrow('the disk is full')
    await expect(store.replace('id', 1, tokenSet())).rejects.toThrow('the disk is full')
    await expect(store.remove('id')).rejects.toThrow('the disk is full')
    await expect(store.find({ subjectKey: 'somebody' })).rejects.toThrow('the disk is full')
  })

  it('makes an error of whatever a session store calls back with', async () => {
    const sessions = new BrokenStore((_key, callback) => callback('busy'))
    await expect(sessionStore(sessions).read('id')).rejects.toThrow('busy')
  })

  it('reports a folder that is missing when it writes', async () => {
    const sessions = new FileLikeStore()
    sessions.set = (_key, _value, callback) => callback(noEntry())
    await expect(sessionStore(sessions).create('id', tokenSet())).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  it('rejects when the session store does not answer, and serves the next call', async () => {
    const sessions = new PromiseStore()
    const silent = {
      silent: true,
      get: (key: string, _callback: Callback) =>
        silent.silent ? new Promise(() => {}) : sessions.get(key).then((value) => value ?? null),
      set: (key: string, value: object) => sessions.set(key, value),
      destroy: (key: string) => sessions.destroy(key),
    }
    const store = sessionStore(silent, { timeout: 50 })
    const first = store.create('id', tokenSet())
    const second = store.remove('id')
    await expect(first).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    await expect(second).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    silent.silent = false
    await store.create('id', tokenSet())
    expect(await store.read('id')).toMatchObject({ version: 1 })
  })

  it.each([[undefined], [null], ['memory'], [{}], [{ get() {}, set() {} }]])(
    'refuses %p as a session store',
    (store) => {
      expect(() => sessionStore(store as never)).toThrow(/get, set and destroy/)
    },
  )

  it.each([0, -1, Number.NaN, Infinity, 2 ** 31])('refuses a timeout of %p', (timeout) => {
    expect(() => sessionStore(new PromiseStore(), { timeout })).toThrow(/timeout/)
  })
})

async function close(): Promise<void> {}

const failure = (): Error => new Error('the disk is full')
const noEntry = (): Error => Object.assign(new Error('no such file'), { code: 'ENOENT' })

class PromiseStore {
  readonly values = new Map<string, string>()
  async get(key: string): Promise<unknown> {
    const value = this.values.get(key)
    return value === undefined ? undefined : JSON.parse(value)
  }
  async set(key: string, value: object): Promise<void> {
    this.values.set(key, JSON.stringify(value))
  }
  async destroy(key: string): Promise<void> {
    this.values.delete(key)
  }
}

class FileLikeStore {
  readonly values = new Map<string, string>()
  get(key: string, callback: Callback): void {
    const value = this.values.get(key)
    setImmediate(() =>
      value === undefined ? callback(noEntry()) : callback(null, JSON.parse(value)),
    )
  }
  set(key: string, value: object, callback: Callback): void {
    this.values.set(key, JSON.stringify(value))
    setImmediate(callback)
  }
  destroy(key: string, callback: Callback): void {
    const known = this.values.delete(key)
    setImmediate(() => callback(known ? null : noEntry()))
  }
}

class LateStore {
  readonly inner = new FileLikeStore()
  async get(key: string, callback: Callback): Promise<void> {
    this.inner.get(key, callback)
  }
  async set(key: string, value: object, callback: Callback): Promise<void> {
    this.inner.set(key, value, callback)
  }
  async destroy(key: string, callback: Callback): Promise<void> {
    this.inner.destroy(key, callback)
  }
}

class BrokenStore {
  readonly fail: (key: string, callback: Callback) => unknown
  constructor(fail: (key: string, callback: Callback) => unknown) {
    this.fail = fail
  }
  get(key: string, callback: Callback): unknown {
    return this.fail(key, callback)
  }
  set(key: string, _value: object, callback: Callback): unknown {
    return this.fail(key, callback)
  }
  destroy(key: string, callback: Callback): unknown {
    return this.fail(key, callback)
  }
}
