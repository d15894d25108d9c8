import { isNativeError } from 'node:util/types'
import session from 'express-session'
import * as v from 'valibot'
import { withTimeLimit } from './time-limit.ts'

type Callback = (error?: unknown, value?: unknown) => void

/** What is used of an express-session store. Promises are understood as well as callbacks. */
export interface SessionRecordStore {
  get(key: string, callback: Callback): unknown
  set(key: string, value: { cookie: session.Cookie }, callback: Callback): unknown
  destroy(key: string, callback: Callback): unknown
}

/** Values under keys of an express-session store, each until its time. */
export interface SessionRecords {
  /** `undefined` when there is none, it has expired, or it does not fit the schema. */
  get<T>(key: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined>
  set(key: string, value: object, expiresAt: number): Promise<void>
}

const envelope = v.object({ oauth: v.unknown(), oauthExpiresAt: v.number() })

/**
 * Reads and writes records that look like sessions, so that every store computes their lifetime as
 * it does for a session.
 *
 * @internal
 */
export function sessionRecords(store: SessionRecordStore, timeout: number): SessionRecords {
  const limited = <T>(work: Promise<T>): Promise<T> =>
    withTimeLimit(work, timeout, 'The session store')

  return {
    async get(key, schema) {
      const answer = answerOf(store.get.length >= 2, (callback) => store.get(key, callback))
      const opened = v.safeParse(envelope, await limited(orAbsent(answer)))
      // Not every store keeps to the cookie's time.
      if (!opened.success || opened.output.oauthExpiresAt <= Date.now()) return undefined
      const value = v.safeParse(schema, opened.output.oauth)
      return value.success ? value.output : undefined
    },

    async set(key, value, expiresAt) {
      const maxAge = expiresAt - Date.now()
      if (maxAge <= 0) {
        const answer = answerOf(store.destroy.length >= 2, (callback) =>
          store.destroy(key, callback),
        )
        await limited(orAbsent(answer))
        return
      }
      const cookie = Object.assign(new session.Cookie(), { maxAge })
      const record = { cookie, oauth: value, oauthExpiresAt: expiresAt }
      await limited(answerOf(store.set.length >= 3, (callback) => store.set(key, record, callback)))
    },
  }
}

/**
 * A method that declares its callback may be an async function that resolves with nothing before it
 * calls back; then only the callback counts.
 */
function answerOf(
  declaresCallback: boolean,
  call: (callback: Callback) => unknown,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const returned = call((error, value) => (error ? reject(asError(error)) : resolve(value)))
    if (!isThenable(returned)) return
    returned.then((value) => {
      if (value !== undefined || !declaresCallback) resolve(value)
    }, reject)
  })
}

function asError(error: unknown): Error {
  return isNativeError(error) ? error : new Error(String(error), { cause: error })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}

/** As express-session does: stores over files report an absent session as `ENOENT`. */
async function orAbsent(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') {
      return undefined
    }
    throw error
  }
}
