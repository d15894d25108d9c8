/// <reference types="express-session" preserve="true" />
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import session, { type SessionData, type SessionOptions, type Store } from 'express-session'
import type { Config } from './options.ts'
import { OAuthError } from './errors.ts'
import { createOwnSession, originalOf, type SessionStore } from './own-session.ts'
import { isSecureRequest } from './secure-request.ts'
import { askSessionStore, sessionStoreFailure, type Callback } from './session-calls.ts'
import {
  applyChanges,
  changesBetween,
  contentOf,
  isOfAnother,
  type Content,
  type LoginRecord,
} from './session-content.ts'
import { watchWrites, type Heir } from './session-writes.ts'
import type { Middleware } from './types.ts'

type SessionRequest = IncomingMessage & {
  session?: session.Session & Partial<SessionData>
  sessionID?: string | undefined
  sessionStore?: SessionStore
}

/** What the rest of the package knows of express-session; no other file touches `req.session`. */
export interface Sessions {
  /** Opens our own session where the app has mounted none. */
  readonly open: Middleware
  has(req: IncomingMessage): boolean
  /** Looks once whether unchanged sessions are saved, which lets parallel requests undo each other. */
  checkResave(req: IncomingMessage, res: ServerResponse): void
  /** Keeps an answer under way from taking away the cookie that a login or logout has set meanwhile. */
  guardCookie(req: IncomingMessage, res: ServerResponse): void
  store(req: IncomingMessage): Store
  isInMemory(req: IncomingMessage): boolean
  login(req: IncomingMessage): LoginRecord | undefined
  /** The token set that the session names, whichever client it belongs to. */
  namedTokenSet(req: IncomingMessage): string | undefined
  /** Whether this request belongs to the session `id`, and somebody is signed in there. */
  isLoginOf(req: IncomingMessage, id: string): boolean
  /** The app's data as it is now, for telling later what a hook has changed in it. */
  snapshot(req: IncomingMessage): Content
  /**
   * A new session id with the app's own data and `login`; saved when it resolves. What has changed
   * in this request's session since `before` is kept too.
   */
  begin(req: IncomingMessage, login: Omit<LoginRecord, 'client'>, before?: Content): Promise<string>
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

interface Handover {
  /** The app's data in this request's session before its hooks changed it. */
  readonly before: Content
  /** Somebody else signs in, for whom the old data is not. */
  readonly isOther: boolean
}

/**
 * The error that express-session has passed on where it could not load the app's session: it leaves
 * the request with a store and without a session then, long before any route.
 */
export function sessionLoadFailure(
  req: SessionRequest & { route?: unknown },
  cause: unknown,
): OAuthError | undefined {
  if (!req.sessionStore || req.session !== undefined || req.route !== undefined) return undefined
  // What has a status of its own was made by somebody who knows what it means.
  const { status, statusCode = status } = (cause ?? {}) as {
    status?: unknown
    statusCode?: unknown
  }
  return typeof statusCode === 'number' ? undefined : sessionStoreFailure(cause)
}

export function createSessions(config: Config): Sessions {
  const timeout = config.timeout * 1000
  const ask = <T>(run: (done: Callback<T>) => unknown) => askSessionStore(timeout, run)
  const own = createOwnSession(config)
  const client = clientOf(config)
  let resaveChecked = false

  const current = (req: SessionRequest) => {
    if (req.session) return req.session
    throw new OAuthError('ERR_SESSION_MISSING', {
      detail:
        "there is no req.session: mount express-session before oauth(), give it a cookie path that covers the routes of oauth(), or leave the session to oauth() by not setting 'session: false'",
    })
  }
  const store = (req: SessionRequest) => {
    current(req)
    const found = req.sessionStore && originalOf(req.sessionStore)
    if (found) return found
    throw new OAuthError('ERR_SESSION_MISSING', {
      detail:
        'req.session is there but req.sessionStore is not: oauth() needs express-session; cookie-session and others keep no server-side sessions',
    })
  }

  /** Logins of other mounts over the same session are none here. */
  const loginHere = (req: SessionRequest) => {
    const record = req.session?.oauth
    return record?.client === client ? record : undefined
  }

  /**
   * What the new session begins with: the newest stored data, so that what another request wrote
   * meanwhile is carried over, and on top of it what has changed here since `before`. `base` is
   * without those changes.
   */
  const takenOver = async (req: SessionRequest, { before, isOther }: Handover) => {
    const stored = isOther
      ? undefined
      : await ask<SessionData | null>((done) => store(req).get(req.sessionID ?? '', done))
    const base = isOther ? {} : copyOf(stored ? contentOf(stored) : before)
    const content = copyOf(base)
    applyChanges(content, changesBetween(before, contentOf(current(req))))
    return { base, content }
  }

  /** Until the new session is stored, the old one stays as it is, and so does the browser's cookie. */
  const change = async (req: SessionRequest, content: Content, login?: LoginRecord) => {
    const sessions = store(req)
    const before = { session: current(req), sessionID: req.sessionID ?? '' }
    sessions.generate(req)
    Object.assign(current(req), content, login ? { oauth: login } : {})
    try {
      requireNewId(before.sessionID, req.sessionID)
      await ask((done) => current(req).save(done))
      await ask((done) => sessions.destroy(before.sessionID, done))
    } catch (error) {
      Object.assign(req, before)
      throw error
    }
    return req.sessionID ?? ''
  }

  /** A new session id. */
  const renew = async (req: SessionRequest, handover: Handover, login?: LoginRecord) => {
    const previous = req.sessionID ?? ''
    const writes = watchWrites(store(req), timeout)
    const renewed = (async (): Promise<Heir> => {
      const { base, content } = await takenOver(req, handover)
      return { id: await change(req, content, login), base }
    })()
    writes.succeed(
      previous,
      renewed.then((heir) => (handover.isOther ? undefined : heir)),
    )
    return (await renewed).id
  }

  return {
    open: own.open,
    has: (req: SessionRequest) => req.session !== undefined && req.session !== null,
    checkResave(req: SessionRequest, res) {
      if (resaveChecked) return
      resaveChecked = true
      watchWrites(store(req), timeout).expectUnchanged(req, current(req), res)
    },
    guardCookie(req: SessionRequest, res) {
      // An id that no browser has sent is known to this request only.
      if (!req.session || !req.headers.cookie) return
      const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => ServerResponse
      res.writeHead = (...args: unknown[]) => {
        const { session: live, sessionStore, sessionID } = req
        if (
          !live ||
          !sessionStore ||
          !sessionID ||
          !watchWrites(store(req), timeout).hasHeir(sessionID)
        ) {
          return writeHead(...args)
        }
        // express-session sends no cookie without an id, and all others see their session.
        req.sessionID = undefined
        try {
          return writeHead(...args)
        } finally {
          req.sessionID = sessionID
        }
      }
    },
    store,
    isInMemory: (req) => store(req) instanceof session.MemoryStore,
    login: loginHere,
    namedTokenSet: (req: SessionRequest) => req.session?.oauth?.tokenSetId,
    isLoginOf: (req: SessionRequest, id) => loginHere(req) !== undefined && req.sessionID === id,
    snapshot: (req) => copyOf(contentOf(current(req))),
    begin(req: SessionRequest, record, before = contentOf(current(req))) {
      const login = { ...record, client }
      // What one person left in the session is not for the next person who signs in over it.
      return renew(req, { before, isOther: isOfAnother(current(req), { oauth: login }) }, login)
    },
    async end(req: SessionRequest) {
      await renew(req, { before: contentOf(current(req)), isOther: false })
    },
    async adopt(req: SessionRequest, id) {
      const data = await ask<SessionData | null>((done) => store(req).get(id, done))
      if (data?.oauth?.client !== client) return false
      req.sessionID = id
      store(req).createSession(req as never, data)
      return true
    },
    cookieSettable(req: SessionRequest) {
      if (!current(req).cookie.secure) return true
      const { proxy } = (config.session || {}) as Partial<SessionOptions>
      return isSecureRequest(req, own.isOpenedOn(req) ? { proxy } : undefined)
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
      await ask((done) =>
        store(req).set(id, { cookie, record: value } as unknown as SessionData, done),
      )
    },
    async getRecord(req, id) {
      const data = await ask<SessionData | null>((done) => store(req).get(id, done))
      return (data as { record?: unknown } | null | undefined)?.record
    },
    async dropRecord(req, id) {
      await ask((done) => store(req).destroy(id, done))
    },
  }
}

/** As it would come back from a store. */
const copyOf = (content: Content) => JSON.parse(JSON.stringify(content)) as Content

/** Which client of which provider this is; independent of what discovery says of it. */
function clientOf({ clientId, issuer, server }: Config): string {
  const provider = issuer?.href ?? server?.issuer ?? server?.authorizationEndpoint.href ?? ''
  return createHash('sha256').update(`${provider} ${clientId}`).digest('base64url').slice(0, 22)
}

function requireNewId(before: string, now: string | undefined): void {
  if (now !== before) return
  throw new OAuthError('ERR_CONFIG_INVALID', {
    detail:
      "option 'session.genid': it gave the id that the session has already; a login needs a new one, so make it random",
  })
}
