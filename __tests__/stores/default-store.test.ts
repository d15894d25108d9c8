import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { defaultTokenStore } from '../../lib/stores/default-store.ts'
import { postgresStore } from '../../lib/stores/postgres.ts'
import { redisStore } from '../../lib/stores/redis.ts'
import { sessionStore } from '../../lib/stores/session-store.ts'
import { describeWithPostgres, openPool, startPostgres } from '../support/postgres-server.ts'
import { describeWithRedis, startRedis } from '../support/redis-server.ts'
import { tokenSet } from './contract.ts'

describe('defaultTokenStore', () => {
  it('uses memory beside the MemoryStore of express-session', async () => {
    const sessions = new session.MemoryStore()
    const store = defaultTokenStore(sessions)
    await store.create('id', tokenSet())
    expect(await store.read('id')).toMatchObject({ version: 1 })
    expect(await sessionStore(sessions).read('id')).toBeUndefined()
  })

  it('gives the same token store for the same session store', () => {
    const sessions = new session.MemoryStore()
    expect(defaultTokenStore(sessions)).toBe(defaultTokenStore(sessions))
    expect(defaultTokenStore(new session.MemoryStore())).not.toBe(defaultTokenStore(sessions))
  })

  it('uses the session store itself when it is another', async () => {
    class OwnStore extends session.MemoryStore {}
    const sessions = new OwnStore()
    const id = randomUUID()
    await defaultTokenStore(sessions).create(id, tokenSet())
    expect(await sessionStore(sessions).read(id)).toMatchObject({ version: 1 })
  })

  it('uses the session store itself when it only has a familiar name', async () => {
    const named = (name: string, fields: object): session.MemoryStore => {
      const sessions = new session.MemoryStore()
      return Object.assign(sessions, fields, { constructor: { name } })
    }
    const lookalikes = [
      named('RedisStore', { client: { get() {}, set() {} } }),
      named('PGStore', { pool: {} }),
      named('PGStore', { query() {} }),
      named('OtherStore', { sessions: {} }),
    ]
    for (const sessions of lookalikes) {
      const id = randomUUID()
      await defaultTokenStore(sessions).create(id, tokenSet())
      expect(await sessionStore(sessions).read(id)).toMatchObject({ version: 1 })
    }
  })

  it.each([[undefined], [null], ['memory'], [{}]])('refuses %p as a session store', (wrong) => {
    expect(() => defaultTokenStore(wrong)).toThrow(/get, set and destroy/)
  })

  it('accepts a session store without a prototype', async () => {
    const inner = new session.MemoryStore()
    const sessions = Object.assign(Object.create(null), {
      get: inner.get.bind(inner),
      set: inner.set.bind(inner),
      destroy: inner.destroy.bind(inner),
    })
    await defaultTokenStore(sessions).create('id', tokenSet())
    expect(await sessionStore(inner).read('id')).toMatchObject({ version: 1 })
  })

  describeWithRedis('beside connect-redis', () => {
    it.each([
      [
        'node-redis',
        async (url: string) => {
          const client = await createClient({ url }).connect()
          return { client, close: () => client.destroy() }
        },
      ],
      [
        'ioredis',
        async (url: string) => {
          const client = new Redis(url)
          return { client, close: () => client.disconnect() }
        },
      ],
    ])('uses Redis through the same client, with %s', async (_name, connect) => {
      const server = await startRedis()
      const { client, close } = await connect(server.url)
      try {
        await defaultTokenStore(new RedisStore({ client })).create('id', tokenSet())
        expect(await redisStore({ client }).read('id')).toMatchObject({ version: 1 })
      } finally {
        close()
        await server.close()
      }
    })
  })

  describeWithPostgres('beside connect-pg-simple', () => {
    it('uses PostgreSQL through the same pool, in the same schema', async () => {
      const server = await startPostgres()
      const pool = openPool(server.connectionString)
      try {
        await pool.query('CREATE SCHEMA "the ""app"""')
        const PgSession = connectPgSimple(session)
        const schemaName = 'the "app"'
        const sessions = new PgSession({ pool, schemaName, pruneSessionInterval: false })
        const store = defaultTokenStore(sessions)
        const keys = { subjectKey: 'somebody', sidKey: 'session' }
        await store.create('id', tokenSet(keys))
        const direct = postgresStore({ pool, schema: schemaName })
        expect(await direct.read('id')).toMatchObject({ version: 1, ...keys })
        expect(await store.replace('id', 1, tokenSet({ version: 2, ...keys }))).toBe('ok')
        expect(await store.read('id')).toMatchObject({ version: 2, ...keys })
        expect(await store.find({ subjectKey: 'somebody' })).toEqual(['id'])
        expect(await store.claim('id', 'name', 'owner', 60_000)).toBe('acquired')
        expect(await direct.claim('id', 'name', 'other', 60_000)).toBe('held')
        await store.remove('id')
        expect(await direct.read('id')).toBeUndefined()
        await expect(store.create('nul\0', tokenSet())).rejects.toThrow(/invalid byte/)
      } finally {
        await pool.end()
        await server.close()
      }
    })

    it('uses PostgreSQL through a pool that connect-pg-simple opened itself', async () => {
      const server = await startPostgres()
      const pool = openPool(server.connectionString)
      const PgSession = connectPgSimple(session)
      const sessions = new PgSession({
        conString: server.connectionString,
        pruneSessionInterval: false,
        errorLog: () => {},
      })
      try {
        await defaultTokenStore(sessions).create('id', tokenSet())
        expect(await postgresStore({ pool }).read('id')).toMatchObject({ version: 1 })
      } finally {
        await Promise.resolve(sessions.close())
        await pool.end()
        await server.close()
      }
    })
  })
})
