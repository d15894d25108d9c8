import type { TokenStore } from '../tokens/token-store.ts'
import { memoryStore } from './memory.ts'
import { type PostgresPool, postgresStore } from './postgres.ts'
import { type RedisClient, scriptRunner } from './redis-client.ts'
import { redisStore } from './redis.ts'
import type { SessionRecordStore } from './session-records.ts'
import { sessionStore } from './session-store.ts'
import { defaultTimeout } from './time-limit.ts'

const adapters = new WeakMap<object, TokenStore>()

/**
 * The token store that fits a session store: memory beside express-session's `MemoryStore`, Redis
 * through the client of connect-redis, PostgreSQL through the pool of connect-pg-simple, and the
 * session store itself beside any other. One session store always gives the same token store.
 *
 * @example
 * ```ts
 * const tokens = defaultTokenStore(new RedisStore({ client }))
 * ```
 */
export function defaultTokenStore(store: unknown): TokenStore {
  if (typeof store !== 'object' || store === null) {
    throw new TypeError('The session store must be an object with get, set and destroy.')
  }
  const known = adapters.get(store)
  if (known) return known
  const adapter = fitting(store)
  adapters.set(store, adapter)
  return adapter
}

function fitting(store: object): TokenStore {
  if (isMemoryStore(store)) return memoryStore()
  const client = redisClientOf(store)
  if (client) return redisStore({ client })
  const pool = postgresPoolOf(store)
  if (pool) return postgresStore(pool)
  return sessionStore(store as SessionRecordStore)
}

/** Others share the name, but only express-session's keeps a plain `sessions` object. */
function isMemoryStore(store: object): boolean {
  return nameOf(store) === 'MemoryStore' && 'sessions' in store
}

/** connect-redis 7 and 8 keep only a wrapper of the client; those are not recognised. */
function redisClientOf(store: object): RedisClient | undefined {
  if (nameOf(store) !== 'RedisStore' || !('client' in store)) return undefined
  const { client } = store
  return scriptRunner(client, defaultTimeout) ? (client as RedisClient) : undefined
}

interface PgSimpleStore {
  pool?: unknown
  query(
    text: string,
    values: unknown[],
    callback: (error: Error | null, firstRow?: unknown) => void,
    skipTableCreation: boolean,
  ): void
  quotedTable(): string
}

function postgresPoolOf(store: object): { pool: PostgresPool; schema?: string } | undefined {
  if (nameOf(store) !== 'PGStore' || !isPgSimple(store)) return undefined
  const pool = isPool(store.pool) ? store.pool : poolThrough(store)
  const schema = schemaOf(store.quotedTable())
  return schema === undefined ? { pool } : { pool, schema }
}

function isPgSimple(store: object): store is PgSimpleStore {
  const { query, quotedTable } = store as Partial<PgSimpleStore>
  return typeof query === 'function' && typeof quotedTable === 'function'
}

function isPool(pool: unknown): pool is PostgresPool {
  return typeof pool === 'object' && pool !== null && 'query' in pool
}

/** Newer versions hide the pool; their `query` hands out the first row, and no statement has more. */
function poolThrough(store: PgSimpleStore): PostgresPool {
  return {
    query: ({ text, values = [] }) =>
      new Promise((resolve, reject) => {
        const done = (error: Error | null, firstRow?: unknown): void => {
          if (error) reject(error)
          else resolve({ rows: firstRow ? [firstRow] : [] })
        }
        store.query(text, values, done, true)
      }),
  }
}

/** The tokens go where the sessions are: the role may have no rights elsewhere. */
function schemaOf(quotedTable: string): string | undefined {
  const quoted = /^"((?:[^"]|"")+)"\./.exec(quotedTable)?.[1]
  return quoted?.replaceAll('""', '"')
}

function nameOf(store: object): string | undefined {
  const { constructor } = store as { constructor?: { name: string } }
  return constructor?.name
}
