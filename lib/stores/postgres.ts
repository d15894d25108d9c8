import type { ReplaceResult, StoredTokenSet, TokenStore } from '../tokens/token-store.ts'
import { statements } from './postgres-statements.ts'
import { createTables, tableNames } from './postgres-tables.ts'
import { checkedTimeout, defaultTimeout, limitedStore } from './time-limit.ts'

/** What is used of a `Pool` of the `pg` package. */
export interface PostgresPool {
  query(statement: {
    text: string
    values?: unknown[]
    query_timeout?: number
  }): Promise<{ rows: unknown[] }>
}

export interface PostgresStoreOptions {
  /** A `Pool` of the `pg` package. */
  pool: PostgresPool
  /**
   * The table of token sets; claims are in `<table>_claims`. Both are created on first use.
   *
   * @default 'oauth_token_sets'
   */
  table?: string
  /** The schema of the tables; without it the connection's `search_path` decides. */
  schema?: string
  /**
   * Milliseconds after which an operation that has no answer rejects.
   *
   * @default 2000
   */
  timeout?: number
}

interface Row {
  version: number
  sealed: string
  expires_at: number
  subject_key: string | null
  sid_key: string | null
}

const createsPerPrune = 50

/**
 * Keeps token sets in PostgreSQL, for any number of processes. The pool stays yours: listen to its
 * `error` event, end it.
 *
 * @example
 * ```ts
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
 * pool.on('error', console.error)
 * app.use(oauth({ tokenStore: postgresStore({ pool }) }))
 * ```
 */
export function postgresStore(options: PostgresStoreOptions): TokenStore {
  const timeout = checkedTimeout(options.timeout ?? defaultTimeout)
  if (typeof options.pool?.query !== 'function') {
    throw new TypeError('pool must be a Pool of the pg package.')
  }
  return limitedStore(adapter(options, timeout), timeout, 'PostgreSQL')
}

function adapter(
  { pool, table = 'oauth_token_sets', schema }: PostgresStoreOptions,
  timeout: number,
): TokenStore {
  const names = tableNames(table, schema)
  const sql = statements(names)
  let tables: Promise<unknown> | undefined
  let creates = 0

  // With `query_timeout` the pool also drops a connection that hangs, and gets its place back.
  function send(text: string, values: unknown[]): Promise<{ rows: unknown[] }> {
    return pool.query({ text, values, query_timeout: timeout })
  }

  function tablesExist(): Promise<unknown> {
    tables ??= send(createTables(table, names), []).catch((error: unknown) => {
      tables = undefined
      throw error
    })
    return tables
  }

  async function query(text: string, values: unknown[]): Promise<unknown[]> {
    await tablesExist()
    const { rows } = await send(text, values)
    return rows
  }

  return {
    async create(id, record) {
      const prune = creates++ % createsPerPrune === 0
      await query(prune ? sql.createAndPrune : sql.create, columns(id, record))
    },

    async read(id) {
      const [row] = (await query(sql.read, [id])) as Row[]
      return row && parseRecord(row)
    },

    async replace(id, expectedVersion, next) {
      const [row] = await query(sql.replace, [...columns(id, next), expectedVersion])
      return (row as { result: ReplaceResult }).result
    },

    async remove(id) {
      await query(sql.remove, [id])
    },

    async claim(relatedId, name, owner, leaseMs) {
      const rows = await query(sql.claim, [relatedId, name, owner, leaseMs])
      return rows.length === 1 ? 'acquired' : 'held'
    },

    async renew(relatedId, name, owner, leaseMs) {
      const rows = await query(sql.renew, [relatedId, name, owner, leaseMs])
      return rows.length === 1
    },

    async release(relatedId, name, owner) {
      await query(sql.release, [relatedId, name, owner])
    },

    async find(key) {
      const [row] =
        'subjectKey' in key
          ? await query(sql.findBySubject, [key.subjectKey])
          : await query(sql.findBySid, [key.sidKey])
      return (row as { ids: string[] }).ids
    },
  }
}

function columns(id: string, record: StoredTokenSet): unknown[] {
  const { version, sealed, expiresAt, subjectKey = null, sidKey = null } = record
  return [id, version, sealed, expiresAt, subjectKey, sidKey]
}

function parseRecord(row: Row): StoredTokenSet {
  return {
    version: row.version,
    sealed: row.sealed,
    expiresAt: Math.round(row.expires_at),
    ...(row.subject_key !== null && { subjectKey: row.subject_key }),
    ...(row.sid_key !== null && { sidKey: row.sid_key }),
  }
}
