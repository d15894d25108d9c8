export interface ExpiringMap<V> {
  get(key: string): V | undefined
  set(key: string, value: V, expiresAt: number): void
  delete(key: string): void
  /** Everything that has not expired. */
  live(): IterableIterator<[string, V]>
  /** How many entries are in memory, expired ones included. */
  size(): number
}

const sweptPerWrite = 20

/**
 * A map whose entries expire. Expired entries go when they are looked at, and every write looks at a
 * few entries in turn, so memory stays bounded without a timer.
 *
 * @internal
 */
export function expiringMap<V>(now: () => number): ExpiringMap<V> {
  const entries = new Map<string, { value: V; expiresAt: number }>()
  let cursor = entries.entries()

  function sweep(): void {
    const time = now()
    for (let looked = 0; looked < sweptPerWrite; looked++) {
      const { done, value: entry } = cursor.next()
      if (done) {
        cursor = entries.entries()
        return
      }
      if (entry[1].expiresAt <= time) entries.delete(entry[0])
    }
  }

  return {
    get(key) {
      const entry = entries.get(key)
      if (!entry) return undefined
      if (entry.expiresAt > now()) return entry.value
      entries.delete(key)
      return undefined
    },

    set(key, value, expiresAt) {
      sweep()
      entries.set(key, { value, expiresAt })
    },

    delete(key) {
      entries.delete(key)
    },

    size: () => entries.size,

    *live() {
      const time = now()
      for (const [key, { value, expiresAt }] of entries) {
        if (expiresAt > time) yield [key, value]
      }
    },
  }
}
