import * as v from 'valibot'
import type { StoredTokenSet, TokenStore } from '../tokens/token-store.ts'
import { type InTurn, keyedQueue } from './keyed-queue.ts'
import { processClaims } from './process-claims.ts'
import { sessionIndex } from './session-index.ts'
import { type SessionRecordStore, sessionRecords } from './session-records.ts'
import { checkedTimeout, defaultTimeout } from './time-limit.ts'
import { tombstoneMs } from './tombstone.ts'

export interface SessionStoreOptions {
  /**
   * Milliseconds after which a call of the session store that has no answer rejects.
   *
   * @default 2000
   */
  timeout?: number
}

const tokenSet = v.object({
  version: v.number(),
  sealed: v.string(),
  expiresAt: v.number(),
  subjectKey: v.exactOptional(v.string()),
  sidKey: v.exactOptional(v.string()),
})
const tombstone = v.object({ removed: v.literal(true) })
const entry = v.union([tokenSet, tombstone])

interface Shared {
  readonly inTurn: InTurn
  readonly claims: ReturnType<typeof processClaims>
}
const sharedByStore = new WeakMap<object, Shared>()

/**
 * Keeps token sets in any express-session store, of which it needs `get`, `set` and `destroy` only.
 * Versions are compared, and claims hold, within this process: with several processes over one
 * session store a refresh can happen twice and one result can be lost. Use the Redis or PostgreSQL
 * store there.
 *
 * @example
 * ```ts
 * app.use(oauth({ tokenStore: sessionStore(new FileStore()) }))
 * ```
 */
export function sessionStore(
  store: SessionRecordStore,
  { timeout = defaultTimeout }: SessionStoreOptions = {},
): TokenStore {
  if (!isSessionRecordStore(store)) {
    throw new TypeError('store must be an express-session store with get, set and destroy.')
  }
  const { inTurn, claims } = sharedBy(store)
  const records = sessionRecords(store, checkedTimeout(timeout))
  const index = sessionIndex(records, inTurn)

  async function live(id: string): Promise<StoredTokenSet | undefined> {
    const found = await records.get(recordKey(id), entry)
    return found && 'removed' in found ? undefined : found
  }

  async function addToIndexes(id: string, record: StoredTokenSet): Promise<void> {
    await Promise.all(indexKeys(record).map((key) => index.add(key, id, record.expiresAt)))
  }

  async function dropFromIndexes(id: string, keys: string[]): Promise<void> {
    await Promise.all(keys.map((key) => index.drop(key, [id])))
  }

  return {
    async create(id, record) {
      await inTurn(recordKey(id), async () => {
        if (await records.get(recordKey(id), entry)) return
        await records.set(recordKey(id), record, record.expiresAt)
        await addToIndexes(id, record)
      })
    },

    read: live,

    async replace(id, expectedVersion, next) {
      return inTurn(recordKey(id), async () => {
        const current = await live(id)
        if (!current) return 'gone'
        if (current.version !== expectedVersion) return 'conflict'
        await records.set(recordKey(id), next, next.expiresAt)
        await addToIndexes(id, next)
        const kept = indexKeys(next)
        const left = indexKeys(current).filter((key) => !kept.includes(key))
        await dropFromIndexes(id, left)
        return 'ok'
      })
    },

    async remove(id) {
      await inTurn(recordKey(id), async () => {
        const current = await live(id)
        await records.set(recordKey(id), { removed: true }, Date.now() + tombstoneMs)
        if (current) await dropFromIndexes(id, indexKeys(current))
      })
    },

    async find(key) {
      const wanted = 'subjectKey' in key ? subjectIndex(key.subjectKey) : sidIndex(key.sidKey)
      const ids = await index.ids(wanted)
      const found = await Promise.all(ids.map(live))
      const dead = ids.filter((_id, position) => found[position] === undefined)
      if (dead.length > 0) await index.drop(wanted, dead)
      return ids.filter((_id, position) => {
        const record = found[position]
        return record !== undefined && indexKeys(record).includes(wanted)
      })
    },

    ...claims,
  }
}

function isSessionRecordStore(store: unknown): store is SessionRecordStore {
  if (typeof store !== 'object' || store === null) return false
  const { get, set, destroy } = store as Partial<SessionRecordStore>
  return [get, set, destroy].every((method) => typeof method === 'function')
}

/** Several adapters over one store take turns and see one another's claims. */
function sharedBy(store: object): Shared {
  const known = sharedByStore.get(store)
  if (known) return known
  const shared = { inTurn: keyedQueue(), claims: processClaims(Date.now) }
  sharedByStore.set(store, shared)
  return shared
}

// Some stores make file names of their keys, hence the encoding and no colon.
function recordKey(id: string): string {
  return `oauth-set-${encodeURIComponent(id)}`
}

function subjectIndex(subjectKey: string): string {
  return `oauth-subject-${encodeURIComponent(subjectKey)}`
}

function sidIndex(sidKey: string): string {
  return `oauth-sid-${encodeURIComponent(sidKey)}`
}

function indexKeys({ subjectKey, sidKey }: StoredTokenSet): string[] {
  const keys: string[] = []
  if (subjectKey !== undefined) keys.push(subjectIndex(subjectKey))
  if (sidKey !== undefined) keys.push(sidIndex(sidKey))
  return keys
}
