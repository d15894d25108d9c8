import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import connectPgSimple from 'connect-pg-simple'
import session from 'express-session'
import { Client, type Pool } from 'pg'
import { type PostgresPool, postgresStore } from '../../lib/stores/postgres.ts'
import { sessionStore } from '../../lib/stores/session-store.ts'
import {
  describeWithPostgres,
  openPool,
  type PostgresServer,
  startPostgres,
} from '../support/postgres-server.ts'
import { countRoundTrips } from '../support/round-trips.ts'
import { describeTokenStore, tokenSet } from './contract.ts'
import { describeOutage } from './outage.ts'

describeWithPostgres('with PostgreSQL', () => {
  let server: PostgresServer
  let pool: Pool

  beforeAll(async () => {
    server = await startPostgres()
    pool = openPool(server.connectionString)
  })
  afterAll(async () => {
    await pool?.end()
    await server?.close()
  })

  describeTokenStore('postgresStore over two pools', async () => {
    const second = openPool(server.connectionString)
    return {
      store: postgresStore({ pool, table: 'contract' }),
      secondStore: postgresStore({ pool: second, table: 'contract' }),
      close: () => second.end(),
    }
  })

  describeTokenStore('sessionStore over connect-pg-simple', async () => {
    const PgSession = connectPgSimple(session)
    const sessions = new PgSession({
      pool,
      createTableIfMissing: true,
      pruneSessionInterval: false,
    })
    return { store: sessionStore(sessions), close: async () => {} }
  })

  describeOutage('postgresStore', async () => {
    const timeout = 300
    return {
      store: postgresStore({ pool, table: 'outage', timeout }),
      timeout,
      kill: server.kill,
      restart: server.restart,
      async hang() {
        const client = new Client({ connectionString: server.connectionString })
        await client.connect()
        await client.query('BEGIN; LOCK TABLE outage, outage_claims')
        return () => client.end()
      },
      close: async () => {},
    }
  })

  describe('postgresStore', () => {
    const tablesLike = async (name: string): Promise<string[]> => {
      const { rows } = await pool.query<{ name: string }>(
        `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'i') AND relname LIKE $1`,
        [`${name}%`],
      )
      return rows.map((row) => row.name).toSorted()
    }

    it('creates its tables and indexes on first use, and not before', async () => {
      const store = postgresStore({ pool, table: 'fresh' })
      expect(await tablesLike('fresh')).toEqual([])
      await store.read('id')
      expect(await tablesLike('fresh')).toEqual([
        'fresh',
        'fresh_claims',
        'fresh_claims_pkey',
        'fresh_expires_at',
        'fresh_pkey',
        'fresh_sid_key',
        'fresh_subject_key',
      ])
    })

    it('stands the first use by twenty processes at once', async () => {
      const pools = Array.from({ length: 20 }, () => openPool(server.connectionString))
      try {
        const reads = pools.map((each) => postgresStore({ pool: each, table: 'race' }).read('id'))
        expect(await Promise.all(reads)).toEqual(Array(20).fill(undefined))
      } finally {
        await Promise.all(pools.map((each) => each.end()))
      }
    })

    it('tries again when the tables could not be created', async () => {
      const store = postgresStore({ pool, schema: 'later' })
      await expect(store.read('id')).rejects.toMatchObject({ code: '3F000' })
      await pool.query('CREATE SCHEMA later')
      await store.create('id', tokenSet())
      const { rows } = await pool.query('SELECT id FROM later.oauth_token_sets')
      expect(rows).toEqual([{ id: 'id' }])
    })

    it('takes one round trip an operation once the tables are there', async () => {
      const { track, taken } = countRoundTrips()
      const counting: PostgresPool = { query: (statement) => track(() => pool.query(statement)) }
      const store = postgresStore({ pool: counting, table: 'trips' })
      await store.read('id')
      expect(taken()).toBe(2)
      const id = randomUUID()
      const operations = [
        () => store.create(id, tokenSet()),
        () => store.read(id),
        () => store.replace(id, 1, tokenSet({ version: 2 })),
        () => store.find({ subjectKey: 'somebody' }),
        () => store.claim(id, 'name', 'owner', 60_000),
        () => store.renew(id, 'name', 'owner', 60_000),
        () => store.release(id, 'name', 'owner'),
        () => store.remove(id),
      ]
      const counted: number[] = []
      for (const operation of operations) {
        await operation()
        counted.push(taken())
      }
      expect(counted).toEqual(operations.map(() => 1))
    })

    it('prunes what has expired now and then, and nothing else', async () => {
      const store = postgresStore({ pool, table: 'pruned' })
      await store.create('live', tokenSet())
      await store.claim('live', 'name', 'owner', 60_000)
      await pool.query(`
        INSERT INTO pruned (id, version, sealed, expires_at)
        SELECT 'old ' || number, 1, 'sealed', now() - interval '1 second'
        FROM generate_series(1, 300) number`)
      await pool.query(`
        INSERT INTO pruned_claims
        SELECT 'old ' || number, 'name', 'owner', now() - interval '1 second'
        FROM generate_series(1, 300) number`)
      const expired = async (): Promise<unknown> => {
        const { rows } = await pool.query(`
          SELECT (SELECT count(*)::int FROM pruned WHERE expires_at <= now()) AS sets,
            (SELECT count(*)::int FROM pruned_claims WHERE lease_ends_at <= now()) AS claims`)
        return rows[0]
      }
      const createMany = async (count: number): Promise<void> => {
        for (let made = 0; made < count; made++) await store.create(randomUUID(), tokenSet())
      }
      await createMany(49)
      expect(await expired()).toEqual({ sets: 300, claims: 300 })
      await createMany(1)
      expect(await expired()).toEqual({ sets: 100, claims: 100 })
      await createMany(50)
      expect(await expired()).toEqual({ sets: 0, claims: 0 })
      expect(await store.read('live')).toMatchObject({ version: 1 })
      expect(await store.claim('live', 'name', 'other', 60_000)).toBe('held')
    })

    it('finds by index', async () => {
      await postgresStore({ pool, table: 'planned' }).read('id')
      const client = await pool.connect()
      try {
        await client.query('SET enable_seqscan = off')
        for (const column of ['subject_key', 'sid_key']) {
          const { rows } = await client.query(
            `EXPLAIN SELECT id FROM planned WHERE ${column} = 'x'`,
          )
          expect(JSON.stringify(rows)).toContain(`planned_${column}`)
        }
        const { rows } = await client.query(
          'EXPLAIN SELECT id FROM planned WHERE expires_at <= now()',
        )
        expect(JSON.stringify(rows)).toContain('planned_expires_at')
      } finally {
        client.release(true)
      }
    })

    it('quotes names as they come', async () => {
      const schema = `it's a "schema"; --`
      await pool.query(`CREATE SCHEMA "it's a ""schema""; --"`)
      const store = postgresStore({ pool, schema, table: `"sets" of $1 ' \\` })
      await store.create('id', tokenSet())
      await store.create('id', tokenSet({ version: 2 }))
      expect(await store.read('id')).toMatchObject({ version: 1 })
      expect(await store.claim('id', 'name', 'owner', 1000)).toBe('acquired')
      expect(await postgresStore({ pool }).read('id')).toBeUndefined()
    })

    it.each(['', 'x'.repeat(52), 'ä'.repeat(26), 'nul\0', '$create$'])(
      'refuses the table name %j',
      (table) => {
        expect(() => postgresStore({ pool, table })).toThrow(/^table must be a name/)
      },
    )

    it('tells longest names apart', async () => {
      const [one, two] = ['a', 'b'].map((end) =>
        postgresStore({ pool, table: `${'x'.repeat(50)}${end}` }),
      )
      await one?.create('id', tokenSet())
      await one?.claim('id', 'name', 'owner', 60_000)
      expect(await two?.read('id')).toBeUndefined()
      expect(await two?.claim('id', 'name', 'other', 60_000)).toBe('acquired')
    })

    it('works for a role that may only use the tables that docs/stores.md tells to create', async () => {
      const document = await readFile(new URL('../../docs/stores.md', import.meta.url), 'utf8')
      const sql = /```sql\n([^]*?)```/.exec(document)?.[1]
      await pool.query('CREATE DATABASE migrated')
      const url = server.connectionString.replace(/postgres$/, 'migrated')
      const admin = openPool(url)
      const clerk = openPool(url.replace('postgres@', 'clerk@'))
      try {
        await admin.query(sql ?? '')
        await admin.query(`
          CREATE ROLE clerk LOGIN;
          GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_token_sets, oauth_token_sets_claims TO clerk`)
        await expect(clerk.query('CREATE TABLE forbidden (id text)')).rejects.toThrow(/permission/)
        const store = postgresStore({ pool: clerk })
        await store.create('id', tokenSet({ subjectKey: 'somebody' }))
        expect(await store.replace('id', 1, tokenSet({ version: 2 }))).toBe('ok')
        expect(await store.claim('id', 'name', 'owner', 1000)).toBe('acquired')
        await store.remove('id')
        expect(await store.read('id')).toBeUndefined()
      } finally {
        await clerk.end()
        await admin.end()
      }
    })

    it.each([[undefined], [null], ['postgres://'], [{}]])('refuses %p as a pool', (wrong) => {
      expect(() => postgresStore({ pool: wrong as never })).toThrow(/pool must be a Pool/)
    })
  })
})
