/// <reference types="express-session" preserve="true" />
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SessionData, Store } from 'express-session'
import { askSessionStore, type Callback } from './session-calls.ts'
import { expiringMap } from './stores/expiring-map.ts'
import { warnOnce } from './warnings.ts'

/** Longer than any request that began before its session got a new id. */
const requestsEnd = 10 * 60_000

/** A session that took over from another one; `undefined` when nothing of it was taken over. */
type Heir = string | undefined

/** What is seen of a session store's writes, because express-session saves whole sessions blindly. */
export interface SessionWrites {
  /**
   * From now on what requests still under way save as `id` goes to its heir, and their answers leave
   * the cookie alone. Where `renewal` rejects, `id` stays as it is.
   */
  succeed(id: string, renewal: Promise<Heir>): void
  /** Warns when this request saves a session that it has not changed. */
  expectUnchanged(req: IncomingMessage, content: string, res: ServerResponse): void
}

/** A session as express-session hands it to its store. */
type LiveSession = SessionData & { readonly req?: IncomingMessage }

const watched = new WeakMap<Store, SessionWrites>()

/** One watch per store, whoever asks; `timeout` in milliseconds. */
export function watchWrites(store: Store, timeout: number): SessionWrites {
  const known = watched.get(store)
  if (known) return known
  const writes = watch(store, timeout)
  watched.set(store, writes)
  return writes
}

function watch(store: Store, timeout: number): SessionWrites {
  const write = store.set.bind(store)
  const heirs = expiringMap<Promise<Heir>>(Date.now)
  let unchanged: { readonly req: IncomingMessage; readonly content: string } | undefined

  store.set = function set(id: string, data: LiveSession, done?: Callback<void>) {
    if (unchanged?.req === data.req && unchanged?.content === contentOf(data)) {
      warnOnce('WARN_SESSION_RESAVE')
    }
    const renewal = heirs.get(id)
    if (!renewal) return write(id, data, done)
    const restoreCookie = withholdCookie(data)
    const copy = JSON.parse(JSON.stringify(data)) as SessionData
    const keep = () => {
      restoreCookie()
      write(id, data, done)
    }
    const handOn = () => leaveToHeir(id, copy).then(() => done?.())
    renewal.then(handOn, keep).catch((error: unknown) => done?.(error))
  }

  const ask = <T>(run: (done: Callback<T>) => unknown) => askSessionStore(timeout, run)
  const read = (id: string) => ask<SessionData | null>((done) => store.get(id, done))

  const leaveToHeir = async (id: string, data: SessionData): Promise<void> => {
    // Stored again, by a process that knew of no heir: then it is a session like any other.
    if (await read(id)) return ask((done) => write(id, data, done))
    const heir = await lastHeirOf(id)
    const stored = heir === undefined ? undefined : await read(heir)
    if (heir === undefined || !stored) return
    const { oauth: _ended, ...content } = data
    const { cookie, oauth } = stored
    await ask((done) => write(heir, { ...content, cookie, ...(oauth ? { oauth } : {}) }, done))
  }

  const lastHeirOf = async (id: string): Promise<Heir> => {
    const renewal = heirs.get(id)
    if (!renewal) return id
    const heir = await renewal
    return heir === undefined ? undefined : lastHeirOf(heir)
  }

  return {
    succeed(id, renewal) {
      renewal.catch(() => heirs.delete(id))
      heirs.set(id, renewal, Date.now() + requestsEnd)
    },
    expectUnchanged(req, content, res) {
      unchanged = { req, content }
      res.once('close', () => {
        unchanged = undefined
      })
    },
  }
}

/**
 * express-session sends the cookie of a session that has changed, unless it has no expiry: the
 * browser has another cookie by now, and must keep it. The result undoes it.
 */
function withholdCookie({ cookie }: SessionData): () => void {
  const { expires, originalMaxAge } = cookie
  cookie.expires = null
  return () => void Object.assign(cookie, { expires, originalMaxAge })
}

/** What the app and we keep in a session, without the cookie that every request renews. */
export function contentOf(data: object): string {
  const { cookie: _cookie, ...content } = data as Record<string, unknown>
  return JSON.stringify(content)
}
