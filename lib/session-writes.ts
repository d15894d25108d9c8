/// <reference types="express-session" preserve="true" />
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SessionData, Store } from 'express-session'
import { askSessionStore, type Callback } from './session-calls.ts'
import {
  applyChanges,
  changesBetween,
  contentOf,
  isOfAnother,
  type Content,
} from './session-content.ts'
import { expiringMap } from './stores/expiring-map.ts'
import { keyedQueue } from './stores/keyed-queue.ts'
import { warnOnce } from './warnings.ts'

/** Longer than requests take that began before their session got a new id. */
const requestsEnd = 2 * 60_000

/** A session that took over from another one. */
export interface Heir {
  readonly id: string
  /** The app's data at that moment, with which pages under way had begun. */
  readonly base: Content
}

/** What is seen of a session store's writes, because express-session saves whole sessions blindly. */
export interface SessionWrites {
  /**
   * From now on what requests still under way save as `id` goes to its heir; `undefined` when nothing
   * was taken over. Where `renewal` rejects, `id` stays as it is.
   */
  succeed(id: string, renewal: Promise<Heir | undefined>): void
  /** Whether the session has another id by now, or is about to get one. */
  hasHeir(id: string): boolean
  /** Warns when this request saves a session that it has not changed. */
  expectUnchanged(req: IncomingMessage, session: object, res: ServerResponse): void
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
  const heirs = expiringMap<Promise<Heir | undefined>>(Date.now)
  let unchanged: { readonly req: IncomingMessage; readonly content: string } | undefined

  const watchedSet = (id: string, data: LiveSession, done?: Callback<void>) => {
    if (unchanged && unchanged.req === data.req && unchanged.content === textOf(data)) {
      warnOnce('WARN_SESSION_RESAVE')
    }
    const renewal = heirs.get(id)
    if (!renewal) return write(id, data, done)
    const copy = JSON.parse(textOf(data)) as Partial<SessionData>
    const keep = () => {
      write(id, data, done)
    }
    const handOn = (heir: Heir | undefined) => leave(id, heir, copy, data).then(() => done?.())
    renewal.then(handOn, keep).catch((error: unknown) => done?.(error))
  }

  const prolong = store.touch?.bind(store)
  // A store could bring a record back that it is asked to prolong.
  const watchedTouch: Store['touch'] = (id, data, done) =>
    heirs.get(id) ? done?.() : prolong?.(id, data, done)

  // A store that cannot be changed is not watched: then all is as express-session does it.
  Reflect.set(store, 'set', watchedSet)
  if (prolong) Reflect.set(store, 'touch', watchedTouch)

  const inTurn = keyedQueue()
  const ask = <T>(run: (done: Callback<T>) => unknown) => askSessionStore(timeout, run)
  const read = (id: string) => ask<SessionData | null>((done) => store.get(id, done))

  /** `copy` is what the page wanted to save as `id`, by now perhaps long ago. */
  const leave = async (
    id: string,
    heir: Heir | undefined,
    copy: Partial<SessionData>,
    data: SessionData,
  ): Promise<void> => {
    // Stored again, by a process that knew of no heir: then it is a session like any other.
    if (await read(id)) return ask((done) => write(id, data, done))
    const changes = heir ? changesBetween(heir.base, contentOf(copy)) : new Map<string, unknown>()
    const last = heir && (await lastHeirAfter(heir.id))
    if (last === undefined || changes.size === 0) return
    await inTurn(last, async () => {
      const stored = await read(last)
      if (!stored || isOfAnother(stored, copy)) return
      // The store reads the life time of a record from a cookie that is one, not from its JSON.
      const session = store.createSession({ sessionID: last } as never, stored)
      applyChanges(session, changes)
      await ask((done) => write(last, session, done))
    })
  }

  const lastHeirAfter = async (
    id: string,
    seen = new Set<string>(),
  ): Promise<string | undefined> => {
    const renewal = heirs.get(id)
    if (!renewal || seen.has(id)) return id
    const heir = await renewal.then(
      (found) => found?.id,
      () => id,
    )
    return heir === undefined ? undefined : lastHeirAfter(heir, seen.add(id))
  }

  return {
    hasHeir: (id) => heirs.get(id) !== undefined,
    succeed(id, renewal) {
      const earlier = heirs.get(id)
      // Of two logouts at once the second may fail; the first one's heir stays.
      const heir = earlier ? renewal.catch(() => earlier) : renewal
      heir.catch(() => {
        if (heirs.get(id) === heir) heirs.delete(id)
      })
      heirs.set(id, heir, Date.now() + requestsEnd)
    },
    expectUnchanged(req, session, res) {
      unchanged = { req, content: textOf(session) }
      res.once('close', () => {
        unchanged = undefined
      })
    },
  }
}

/** What the app and we keep in a session, without the cookie that every request renews. */
const textOf = ({ cookie: _cookie, ...content }: { readonly cookie?: unknown }): string =>
  JSON.stringify(content)
