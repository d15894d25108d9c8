/** A value that is loaded when first wanted, renewed when old, and kept when its source fails. */
export interface LastGood<T> {
  /** The value; waits for the source only while there has never been one. */
  get(): Promise<T>
  /** A new load now; joins one that is under way. */
  reload(): Promise<T>
  /** The value if there is one now. */
  peek(): T | undefined
}

/**
 * One load serves all who wait; a failure is never remembered, so the next call tries again; and a
 * source that fails while a value is at hand costs nobody anything.
 */
export function lastGood<T>(
  load: () => Promise<T>,
  { maxAge, retryAfter }: { maxAge: number; retryAfter: number },
): LastGood<T> {
  let value: { readonly of: T } | undefined
  let renewAt = 0
  let loading: Promise<T> | undefined

  const reload = () => {
    loading ??= load()
      .then((loaded) => {
        value = { of: loaded }
        renewAt = Date.now() + maxAge
        return loaded
      })
      .finally(() => {
        loading = undefined
      })
    return loading
  }

  return {
    peek: () => value?.of,
    reload,
    get() {
      if (!value) return reload()
      if (Date.now() >= renewAt) {
        renewAt = Date.now() + retryAfter
        // The old value serves on; whoever loads publishes its own failure.
        reload().catch(() => undefined)
      }
      return Promise.resolve(value.of)
    },
  }
}
