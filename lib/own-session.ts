import type { IncomingMessage } from 'node:http'
import session, { type SessionOptions, type Store } from 'express-session'
import type { Config } from './options.ts'
import { deriveKey } from './seal.ts'
import { sessionStoreFailure } from './session-calls.ts'
import type { Middleware } from './types.ts'

/** The session that we mount where the app has none. */
export interface OwnSession {
  readonly open: Middleware
  /** The store of the session that we have opened on this request; `undefined` where it is the app's. */
  storeOf(req: IncomingMessage): SessionStore | undefined
}

/** express-session adds `generate` to every store: a new session, not stored yet, on the request. */
export type SessionStore = Store & { generate(req: IncomingMessage): void }

export function createOwnSession(config: Config): OwnSession {
  const timeout = config.timeout * 1000
  const options = hardened(config)
  const store = needsTouch(options) ? options.store : withoutTouch(options.store)
  let mounted: Middleware | undefined

  return {
    storeOf: (req: IncomingMessage & { sessionStore?: Store }) =>
      req.sessionStore === store ? (options.store as SessionStore) : undefined,
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

/** Options of the session that we mount; the app's `session` option overrides them. */
function hardened({ baseUrl, secret, session: own, lifetime }: Config) {
  const { cookie: ownCookie, ...rest } = (own || {}) as Partial<SessionOptions>
  const cookie = {
    httpOnly: true,
    sameSite: 'lax' as const,
    secure: baseUrl.protocol === 'https:',
    path: '/',
    maxAge: lifetime.absolute * 1000,
    ...(typeof ownCookie === 'object' ? ownCookie : {}),
  }
  // The prefix keeps other hosts from planting the cookie, and browsers hold it to these attributes.
  const hostOnly = cookie.secure === true && cookie.path === '/' && !cookie.domain
  return {
    name: hostOnly ? '__Host-session' : 'session',
    secret: secret.map((one) => deriveKey(one, 'session-cookie').toString('base64url')),
    resave: false,
    saveUninitialized: false,
    ...rest,
    store: rest.store ?? new session.MemoryStore(),
    cookie,
  } satisfies SessionOptions
}

/** Whether the cookie may outlive the record that was last saved with it. */
const needsTouch = ({ cookie, rolling }: SessionOptions): boolean =>
  rolling === true || typeof cookie !== 'object' || typeof cookie.maxAge !== 'number'

/**
 * express-session prolongs the stored record with every answer. A cookie that runs out on its own
 * has no use for that, and half of the round trips to the store go to it.
 */
function withoutTouch(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'touch') return undefined
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || name === 'constructor') return value
      return value.bind(target) as unknown
    },
  })
}
