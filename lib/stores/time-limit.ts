import type { TokenStore } from '../tokens/token-store.ts'

/**
 * The milliseconds that one operation of a store may take.
 *
 * @internal
 */
export const defaultTimeout = 2000

/** @internal */
export async function withTimeLimit<T>(work: Promise<T>, ms: number, backend: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`${backend} did not answer within ${ms} milliseconds.`)
      reject(Object.assign(error, { code: 'ETIMEDOUT' }))
    }, ms)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The store with a limit on each operation as a whole, whatever its client does while disconnected.
 * An operation past the limit rejects with `code: 'ETIMEDOUT'`; it is not undone, so whether it took
 * effect is unknown then.
 *
 * @internal
 */
export function limitedStore(store: TokenStore, ms: number, backend: string): TokenStore {
  const limited = <T>(work: Promise<T>): Promise<T> => withTimeLimit(work, ms, backend)
  return {
    create: (...args) => limited(store.create(...args)),
    read: (...args) => limited(store.read(...args)),
    replace: (...args) => limited(store.replace(...args)),
    remove: (...args) => limited(store.remove(...args)),
    claim: (...args) => limited(store.claim(...args)),
    renew: (...args) => limited(store.renew(...args)),
    release: (...args) => limited(store.release(...args)),
    find: (...args) => limited(store.find(...args)),
  }
}

/**
 * Refuses what `setTimeout` would silently turn into one millisecond.
 *
 * @internal
 */
export function checkedTimeout(timeout: number): number {
  if (Number.isFinite(timeout) && timeout >= 1 && timeout < 2 ** 31) return timeout
  throw new TypeError(`timeout must be a number of milliseconds from 1 up, but it is ${timeout}.`)
}
