import type { StoredTokenSet, TokenStore } from '../tokens/token-store.ts'
import { expiringMap } from './expiring-map.ts'
import { processClaims } from './process-claims.ts'
import { tombstoneMs } from './tombstone.ts'

export interface MemoryStoreOptions {
  /**
   * The clock, in milliseconds since the epoch.
   *
   * @default Date.now
   */
  now?: () => number
}

/**
 * Keeps token sets in the memory of this process: they are lost with it, and no other process sees
 * them. Every operation is atomic, since nothing in it waits.
 *
 * @example
 * ```ts
 * app.use(oauth({ tokenStore: memoryStore() }))
 * ```
 */
export function memoryStore({ now = Date.now }: MemoryStoreOptions = {}): TokenStore {
  const entries = expiringMap<StoredTokenSet | 'removed'>(now)

  function write(id: string, record: StoredTokenSet): void {
    entries.set(id, Object.freeze({ ...record }), record.expiresAt)
  }

  function live(id: string): StoredTokenSet | undefined {
    const entry = entries.get(id)
    return entry === 'removed' ? undefined : entry
  }

  return {
    async create(id, record) {
      if (entries.get(id) === undefined) write(id, record)
    },

    async read(id) {
      return live(id)
    },

    async replace(id, expectedVersion, next) {
      const current = live(id)
      if (!current) return 'gone'
      if (current.version !== expectedVersion) return 'conflict'
      write(id, next)
      return 'ok'
    },

    async remove(id) {
      entries.set(id, 'removed', now() + tombstoneMs)
    },

    async find(key) {
      const found: string[] = []
      for (const [id, entry] of entries.live()) {
        if (entry !== 'removed' && matches(entry, key)) found.push(id)
      }
      return found
    },

    ...processClaims(now),
  }
}

function matches(record: StoredTokenSet, key: Parameters<TokenStore['find']>[0]): boolean {
  if ('subjectKey' in key) return record.subjectKey === key.subjectKey
  return record.sidKey === key.sidKey
}
