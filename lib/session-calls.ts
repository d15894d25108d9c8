import { OAuthError } from './errors.ts'

/** What a session store reports in its callback. */
export type Callback<T> = (error?: unknown, value?: T) => void

/** The session store failed, or was silent for too long. */
export const sessionStoreFailure = (cause: unknown): OAuthError =>
  new OAuthError('ERR_SESSION_STORE_UNAVAILABLE', {
    detail: 'the session store reported an error or did not answer in time; see the cause',
    retryAfter: 5,
    cause,
  })

/** One call to the session store; silence is an outage like any other, and so is an error. */
export function askSessionStore<T = void>(
  timeout: number,
  run: (done: Callback<T>) => unknown,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(sessionStoreFailure(new Error(`no answer within ${timeout} ms`))),
      timeout,
    )
    const done: Callback<T> = (error, value) => {
      clearTimeout(timer)
      // File stores report an absent session as an error, which express-session forgives as well.
      const absent = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
      if (error && !absent) reject(sessionStoreFailure(error))
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
