import type { IncomingMessage } from 'node:http'
import session, { type CookieOptions, type SessionOptions, type Store } from 'express-session'
import type { Config } from './options.ts'
import { deriveKey } from './seal.ts'
import { sessionStoreFailure } from './session-calls.ts'
import type { Middleware } from './types.ts'

/** The session that we mount where the app has none. */
export interface OwnSession {
  readonly open: Middleware
  /** Whether the session on this request is the one that we have mounted, not the app's. */
  isOpenedOn(req: IncomingMessage): boolean
}

/** express-session adds `generate` to every store: a new session, not stored yet, on the request. */
export type SessionStore = Store & { generate(req: IncomingMessage): void }

export function createOwnSession(config: Config): OwnSession {
  const timeout = config.timeout * 1000
  const options = hardened(config)
  const store = needsTouch(options) ? options.store : withoutTouch(options.store)
  let mounted: Middleware | undefined

  return {
    isOpenedOn: (req: IncomingMessage & { sessionStore?: Store }) => req.sessionStore === store,
    open(req, res, next) {
      // Not before a request needs it: express-session warns of what an app with a session of its
      // own has no use for.
      mounted ??= session({ ...options, store }) as unknown as Middleware
      const waiting: { deadline?: NodeJS.Timeout; opened?: boolean; late?: boolean } = {}
      mounted(req, res, (error) => {
        waiting.opened = true
        clearTimeout(waiting.deadline)
        // The request has gone on without a session; what the store says now comes too late.
        if (!waiting.late) next(error)
      })
      // Without a cookie the store has not been asked, and there is nothing to wait for.
      if (waiting.opened) return
      waiting.deadline = setTimeout(() => {
        waiting.late = true
        next(sessionStoreFailure(new Error(`no answer within ${timeout} ms`)))
      }, timeout)
    },
  }
}

type CookieFunction = Extract<SessionOptions['cookie'], (...args: never[]) => unknown>

/** Options of the session that we mount; the app's `session` option overrides them. */
function hardened({ baseUrl, secret, session: own, lifetime }: Config) {
  const { cookie: ownCookie, ...rest } = (own || {}) as Partial<SessionOptions>
  const defaults = {
    httpOnly: true,
    sameSite: 'lax' as const,
    secure: baseUrl.protocol === 'https:',
    path: '/',
    maxAge: lifetime.absolute * 1000,
  }
  const [perRequest, fixedOnes] =
    typeof ownCookie === 'function' ? [ownCookie, {}] : [undefined, ownCookie]
  const fixed: CookieOptions = { ...defaults, ...fixedOnes }
  // The prefix keeps other hosts from planting the cookie, and browsers hold it to these attributes.
  const hostOnly = !perRequest && fixed.secure === true && fixed.path === '/' && !fixed.domain
  const forRequest: CookieFunction = (req) => ({ ...defaults, ...perRequest?.(req) })
  return {
    name: hostOnly ? '__Host-session' : 'session',
    secret: secret.map((one) => deriveKey(one, 'session-cookie').toString('base64url')),
    resave: false,
    saveUninitialized: false,
    ...rest,
    store: rest.store ?? new session.MemoryStore(),
    cookie: perRequest ? forRequest : fixed,
  }
}

/** Whether the stored record may end before the cookie does, unless every answer prolongs it. */
const needsTouch = ({ cookie, rolling, store }: ReturnType<typeof hardened>): boolean =>
  rolling === true ||
  typeof cookie === 'function' ||
  typeof cookie.maxAge !== 'number' ||
  !followsCookie(store)

/** The stores that are known to keep a record as long as its cookie lives, and no life time of their own. */
function followsCookie(store: Store & { readonly ttl?: unknown }): boolean {
  if (store instanceof session.MemoryStore) return true
  const { name } = store.constructor
  return name === 'PGStore' || (name === 'RedisStore' && typeof store.ttl === 'number')
}

const originals = new WeakMap<Store, Store>()

/** The store itself, of one that we have shown to express-session without `touch`. */
export const originalOf = <S extends Store>(store: S): S =>
  (originals.get(store) as S | undefined) ?? store

/**
 * express-session prolongs the stored record with every answer. Where record and cookie end together
 * that is of no use, and half of the round trips to the store go to it.
 */
function withoutTouch(store: Store): Store {
  const shown = new Proxy(store, {
    get(target, name) {
      if (name === 'touch') return undefined
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || name === 'constructor') return value
      return value.bind(target) as unknown
    },
  })
  originals.set(shown, store)
  return shown
}
