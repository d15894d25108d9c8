/// <reference types="express-session" preserve="true" />
import type { IncomingMessage, ServerResponse } from 'node:http'
import session, { type SessionData, type SessionOptions, type Store } from 'express-session'
import type { Config } from './options.ts'
import { OAuthError } from './errors.ts'
import { deriveKey } from './seal.ts'
import type { Middleware, UserClaims } from './types.ts'
import { warnOnce } from './warnings.ts'

/** Who is signed in, as it stands in the visitor's session. */
export interface LoginRecord {
  readonly tokenSetId: string
  readonly user: UserClaims
  readonly provider: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Milliseconds since the epoch at which the login ends, whatever happens. */
  readonly expiresAt: number
  /** `auth_time` of the ID token, in seconds. */
  readonly authTime?: number
  readonly acr?: string
  readonly sid?: string
}

declare module 'express-session' {
  interface SessionData {
    /** Written and read by express-oauth-client only. */
    oauth?: LoginRecord
  }
}

type SessionRequest = IncomingMessage & {
  session?: session.Session & Partial<SessionData>
  sessionID?: string
  sessionStore?: Store
}

const storeFailure = (error: unknown) =>
  new OAuthError('ERR_SESSION_STORE_UNAVAILABLE', {
    detail: 'the session store reported an error or did not answer in time; see the cause',
    retryAfter: 5,
    cause: error,
  })

type Callback<T> = (error?: unknown, value?: T) => void

/** One call to the session store; silence is an outage like any other, and so is an error. */
function ask<T = void>(
  timeout: number,
  run: (done: Callback<T>) => unknown,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(storeFailure(new Error(`no answer within ${timeout} ms`))),
      timeout,
    )
    const done: Callback<T> = (error, value) => {
      clearTimeout(timer)
      // File stores report an absent session as an error, which express-session forgives as well.
      const absent = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
      if (error && !absent) reject(storeFailure(error))
      else resolve(absent ? undefined : value)
    }
    try {
      const pending = run(done)
      // A store of promises that rejects beside its callback must not end the process.
      if (pending instanceof Promise) pending.catch(done)
    } catch (error) {
      done(error)
    }
  })
}

/** All that this package does with express-session; no other file touches `req.session`. */
export interface Sessions {
  /** Opens our own session where the app has mounted none. */
  readonly open: Middleware
  has(req: IncomingMessage): boolean
  /** Looks once whether unchanged sessions are saved, which lets parallel requests undo each other. */
  checkResave(req: IncomingMessage, res: ServerResponse): void
  store(req: IncomingMessage): Store
  isInMemory(req: IncomingMessage): boolean
  login(req: IncomingMessage): LoginRecord | undefined
  /** Whether this request belongs to the session `id`, and somebody is signed in there. */
  isLoginOf(req: IncomingMessage, id: string): boolean
  /** A new session id with the app's own data and `login`; saved when it resolves. */
  begin(req: IncomingMessage, login: LoginRecord): Promise<string>
  /** A new session id with the app's own data and nobody signed in; saved when it resolves. */
  end(req: IncomingMessage): Promise<void>
  /** Continues as the session `id`, when the answer that should have named it was lost. */
  adopt(req: IncomingMessage, id: string): Promise<boolean>
  /** Whether the browser will get the session cookie over this connection. */
  cookieSettable(req: IncomingMessage): boolean
  /** `Path` of the session cookie. */
  cookiePath(req: IncomingMessage): string
  /** Whether browsers keep the session cookie back where another site led to this one. */
  isStrict(req: IncomingMessage): boolean
  /** A short record of our own beside the visitor's sessions. */
  putRecord(req: IncomingMessage, id: string, value: unknown, ttl: number): Promise<void>
  getRecord(req: IncomingMessage, id: string): Promise<unknown>
  dropRecord(req: IncomingMessage, id: string): Promise<void>
}

/** Options of the session that we mount; the app's `session` option overrides them. */
function hardened({ baseUrl, secret, session: own, lifetime }: Config): SessionOptions {
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
    cookie,
  }
}

export function createSessions(config: Config): Sessions {
  const timeout = config.timeout * 1000
  let own: Middleware | undefined
  let resaveChecked = false
  /** Requests whose session is our own. */
  const opened = new WeakSet<IncomingMessage>()

  const current = (req: SessionRequest) => {
    if (req.session) return req.session
    throw new OAuthError('ERR_SESSION_MISSING', {
      detail:
        "there is no req.session: mount express-session before oauth(), give it a cookie path that covers the routes of oauth(), or leave the session to oauth() by not setting 'session: false'",
    })
  }
  const store = (req: SessionRequest) => {
    current(req)
    if (req.sessionStore) return req.sessionStore
    throw new OAuthError('ERR_SESSION_MISSING', {
      detail:
        'req.session is there but req.sessionStore is not: oauth() needs express-session; cookie-session and others keep no server-side sessions',
    })
  }

  /** The newest stored data, so that what another request wrote meanwhile is carried over too. */
  const appData = async (req: SessionRequest): Promise<Record<string, unknown>> => {
    const stored = await ask<SessionData | null>(timeout, (done) =>
      store(req).get(req.sessionID ?? '', done),
    )
    const {
      cookie: _cookie,
      oauth: _oauth,
      ...data
    } = { ...(stored ?? current(req)) } as Record<string, unknown>
    return data
  }

  const renew = async (req: SessionRequest, keep: Record<string, unknown>, login?: LoginRecord) => {
    await ask(timeout, (done) => current(req).regenerate(done))
    Object.assign(current(req), keep, login ? { oauth: login } : {})
    await ask(timeout, (done) => current(req).save(done))
    return req.sessionID ?? ''
  }

  return {
    open(req, res, next) {
      opened.add(req)
      own ??= session(hardened(config)) as unknown as Middleware
      let late = false
      const deadline = setTimeout(() => {
        late = true
        next(storeFailure(new Error(`no answer within ${timeout} ms`)))
      }, timeout)
      own(req, res, (error) => {
        clearTimeout(deadline)
        // The request has gone on without a session; what the store says now comes too late.
        if (!late) next(error)
      })
    },
    has: (req: SessionRequest) => req.session !== undefined && req.session !== null,
    checkResave(req: SessionRequest, res) {
      if (resaveChecked) return
      resaveChecked = true
      const id = req.sessionID
      const before = contentOf(current(req))
      const sessions = store(req)
      const set = sessions.set.bind(sessions)
      sessions.set = function watched(sid, data, done) {
        if (sid === id && contentOf(data) === before) warnOnce('WARN_SESSION_RESAVE')
        set(sid, data, done)
      }
      res.once('close', () => {
        sessions.set = set
      })
    },
    store,
    isInMemory: (req) => store(req) instanceof session.MemoryStore,
    login: (req: SessionRequest) => req.session?.oauth,
    isLoginOf: (req: SessionRequest, id) =>
      req.session?.oauth !== undefined && req.sessionID === id,
    async begin(req: SessionRequest, login) {
      const previous = current(req).oauth
      // What one person left in the session is not for the next person who signs in over it.
      const samePerson = !previous || previous.user.sub === login.user.sub
      return renew(req, samePerson ? await appData(req) : {}, login)
    },
    async end(req: SessionRequest) {
      await renew(req, await appData(req))
    },
    async adopt(req: SessionRequest, id) {
      const data = await ask<SessionData | null>(timeout, (done) => store(req).get(id, done))
      if (!data?.oauth) return false
      req.sessionID = id
      store(req).createSession(req as never, data)
      return true
    },
    cookieSettable(req: SessionRequest) {
      if (!current(req).cookie.secure) return true
      const { proxy } = (config.session || {}) as Partial<SessionOptions>
      return isSecureRequest(req, opened.has(req) ? { proxy } : undefined)
    },
    cookiePath: (req: SessionRequest) => current(req).cookie.path ?? '/',
    isStrict(req: SessionRequest) {
      const { sameSite } = current(req).cookie
      return sameSite === true || String(sameSite).toLowerCase() === 'strict'
    },
    async putRecord(req, id, value, ttl) {
      // Stores compute the life time of a record from its cookie.
      const expires = new Date(Date.now() + ttl)
      const cookie = { originalMaxAge: ttl, maxAge: ttl, expires, httpOnly: true, path: '/' }
      await ask(timeout, (done) =>
        store(req).set(id, { cookie, record: value } as unknown as SessionData, done),
      )
    },
    async getRecord(req, id) {
      const data = await ask<SessionData | null>(timeout, (done) => store(req).get(id, done))
      return (data as { record?: unknown } | null | undefined)?.record
    },
    async dropRecord(req, id) {
      await ask(timeout, (done) => store(req).destroy(id, done))
    },
  }
}

/** What the app and we keep in a session, without the cookie that every request renews. */
function contentOf(data: object): string {
  const { cookie: _cookie, ...content } = data as Record<string, unknown>
  return JSON.stringify(content)
}

/**
 * Whether express-session takes a request for https. What it was told of proxies is known of our
 * own session only; of the app's it is what Express says, and without Express what the proxy says.
 */
function isSecureRequest(
  req: IncomingMessage & { secure?: boolean },
  own: Pick<Partial<SessionOptions>, 'proxy'> | undefined,
): boolean {
  if ((req.socket as { encrypted?: boolean }).encrypted) return true
  const [proto = ''] = String(req.headers['x-forwarded-proto'] ?? '').split(',')
  const forwarded = proto.trim().toLowerCase() === 'https'
  if (!own) return req.secure ?? forwarded
  return own.proxy === true ? forwarded : own.proxy !== false && req.secure === true
}
