import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { RedisStore } from 'connect-redis'
import { createClient, createClientPool, createCluster } from 'redis'
import { redisStore } from '../../lib/stores/redis.ts'
import { sessionStore } from '../../lib/stores/session-store.ts'
import { eventually } from '../support/child-server.ts'
import { countRoundTrips } from '../support/round-trips.ts'
import {
  describeWithRedis,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../support/redis-server.ts'
import { describeTokenStore, tokenSet } from './contract.ts'
import { describeOutage } from './outage.ts'

type Keys = { keys: string[]; arguments: string[] }

async function connect(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: 20 } })
  // The outage tests lose connections on purpose.
  client.on('error', () => {})
  await client.connect()
  return client
}

describeWithRedis('with node-redis', () => {
  describeTokenStore('redisStore over two clients', async () => {
    const server = await startRedis()
    const [one, two] = [await connect(server.url), await connect(server.url)]
    return {
      store: redisStore({ client: one }),
      secondStore: redisStore({ client: two }),
      async close() {
        one.destroy()
        two.destroy()
        await server.close()
      },
    }
  })

  describeTokenStore('redisStore over a pool of clients', async () => {
    const server = await startRedis()
    const pool = createClientPool({ url: server.url })
    await pool.connect()
    return {
      store: redisStore({ client: pool }),
      async close() {
        pool.destroy()
        await server.close()
      },
    }
  })

  describeTokenStore('redisStore over a cluster of three masters', async () => {
    const servers = await startRedisCluster()
    const rootNodes = servers.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }))
    const cluster = await createCluster({ rootNodes }).connect()
    return {
      store: redisStore({ client: cluster }),
      async close() {
        cluster.destroy()
        await servers.close()
      },
    }
  })

  describeTokenStore('sessionStore over connect-redis', async () => {
    const server = await startRedis()
    const client = await connect(server.url)
    return {
      store: sessionStore(new RedisStore({ client })),
      async close() {
        client.destroy()
        await server.close()
      },
    }
  })

  describeOutage('redisStore', async () => {
    const server = await startRedis()
    const client = await connect(server.url)
    const timeout = 300
    return {
      store: redisStore({ client, timeout }),
      timeout,
      kill: server.kill,
      restart: server.restart,
      async hang() {
        server.pause()
        return async () => server.resume()
      },
      async close() {
        client.destroy()
        await server.close()
      },
    }
  })

  describe('redisStore', () => {
    let server: RedisServer
    let client: Awaited<ReturnType<typeof connect>>

    beforeAll(async () => {
      server = await startRedis()
      client = await connect(server.url)
    })
    afterAll(async () => {
      client?.destroy()
      await server?.close()
    })

    it('takes one round trip an operation, and one more to clean or consult an index', async () => {
      const { track, taken } = countRoundTrips()
      const store = redisStore({
        client: {
          eval: (source: string, options: Keys) => track(() => client.eval(source, options)),
          evalSha: (sha: string, options: Keys) => track(() => client.evalSha(sha, options)),
        },
      })
      const trips = async (operation: () => Promise<unknown>): Promise<number> => {
        await operation()
        return taken()
      }
      const keys = { subjectKey: randomUUID(), sidKey: randomUUID() }
      const id = randomUUID()
      // The server learns the scripts.
      await store.create(id, tokenSet(keys))
      await store.read(id)
      await store.replace(id, 1, tokenSet({ version: 2, ...keys }))
      await store.claim(id, 'name', 'owner', 60_000)
      await store.renew(id, 'name', 'owner', 60_000)
      await store.release(id, 'name', 'owner')
      await store.find({ subjectKey: keys.subjectKey })
      await store.remove(id)
      taken()

      const next = randomUUID()
      expect({
        create: await trips(() => store.create(next, tokenSet(keys))),
        read: await trips(() => store.read(next)),
        replace: await trips(() => store.replace(next, 1, tokenSet({ version: 2, ...keys }))),
        claim: await trips(() => store.claim(next, 'name', 'owner', 60_000)),
        renew: await trips(() => store.renew(next, 'name', 'owner', 60_000)),
        release: await trips(() => store.release(next, 'name', 'owner')),
        find: await trips(() => store.find({ subjectKey: keys.subjectKey })),
        remove: await trips(() => store.remove(next)),
      }).toEqual({
        create: 1,
        read: 1,
        replace: 1,
        claim: 1,
        renew: 1,
        release: 1,
        find: 2,
        remove: 2,
      })
    })

    it('goes on when the server has forgotten its scripts', async () => {
      const store = redisStore({ client })
      const id = randomUUID()
      await store.create(id, tokenSet())
      await client.scriptFlush()
      expect(await store.read(id)).toMatchObject({ version: 1 })
      await client.scriptFlush()
      expect(await store.replace(id, 1, tokenSet({ version: 2 }))).toBe('ok')
    })

    it('drops what timed out while disconnected instead of doing it later', async () => {
      const store = redisStore({ client, timeout: 200 })
      const id = randomUUID()
      await server.stop()
      await expect(store.create(id, tokenSet())).rejects.toMatchObject({ code: 'ETIMEDOUT' })
      await server.restart()
      await eventually('the client is back', async () => client.isReady)
      expect(await store.read(id)).toBeUndefined()
    })

    it('needs no more rights than docs/stores.md names', async () => {
      const document = await readFile(new URL('../../docs/stores.md', import.meta.url), 'utf8')
      const named = /commands in them: `([^`]+)`/.exec(document)?.[1]?.split(/\s+/) ?? []
      const rights = ['EVAL', 'EVALSHA', ...named].map((command) => `+${command.toLowerCase()}`)
      await client.aclSetUser('clerk', ['on', '>password', '~oauth:*', ...rights])
      const clerk = createClient({ url: server.url, username: 'clerk', password: 'password' })
      await clerk.connect()
      try {
        const store = redisStore({ client: clerk })
        const [id, subjectKey] = [randomUUID(), randomUUID()]
        await store.create(id, tokenSet({ subjectKey }))
        expect(await store.read(id)).toMatchObject({ subjectKey })
        expect(await store.replace(id, 1, tokenSet({ version: 2, subjectKey }))).toBe('ok')
        expect(await store.find({ subjectKey })).toEqual([id])
        expect(await store.claim(id, 'name', 'owner', 60_000)).toBe('acquired')
        expect(await store.renew(id, 'name', 'owner', 60_000)).toBe(true)
        await store.release(id, 'name', 'owner')
        await store.remove(id)
        expect(await store.find({ subjectKey })).toEqual([])
        await expect(clerk.del('oauth:other')).resolves.toBe(0)
        await expect(clerk.get('other')).rejects.toThrow(/NOPERM/)
        await expect(clerk.keys('*')).rejects.toThrow(/NOPERM/)
      } finally {
        clerk.destroy()
      }
    })

    it('keeps nothing that does not expire', async () => {
      await client.flushAll()
      const store = redisStore({ client })
      const [subjectKey, sidKey] = [randomUUID(), randomUUID()]
      const [kept, removed] = [randomUUID(), randomUUID()]
      await store.create(kept, tokenSet({ subjectKey, sidKey }))
      await store.create(removed, tokenSet({ subjectKey }))
      await store.claim(kept, 'name', 'owner', 60_000)
      await store.remove(removed)
      const keys = await client.keys('*')
      expect(keys.toSorted()).toEqual(
        [
          `oauth:{${kept}}`,
          `oauth:{${kept}}:claim:name`,
          `oauth:{${removed}}`,
          `oauth:subject:{${subjectKey}}`,
          `oauth:sid:{${sidKey}}`,
        ].toSorted(),
      )
      const remaining = await Promise.all(keys.map((key) => client.pTTL(key)))
      expect(remaining.filter((ms) => ms <= 0 || ms > 3_600_000)).toEqual([])
    })

    it('keeps no index entry of a removed token set', async () => {
      const store = redisStore({ client })
      const [subjectKey, id] = [randomUUID(), randomUUID()]
      await store.create(id, tokenSet({ subjectKey }))
      await store.remove(id)
      expect(await client.exists(`oauth:subject:{${subjectKey}}`)).toBe(0)
      await store.create(id, tokenSet({ subjectKey }))
      expect(await client.zRange(`oauth:subject:{${subjectKey}}`, 0, -1)).toEqual([id])
      await store.find({ subjectKey })
      expect(await client.exists(`oauth:subject:{${subjectKey}}`)).toBe(0)
    })

    it('sheds expired ids from an index when it writes to it', async () => {
      const store = redisStore({ client })
      const subjectKey = randomUUID()
      await client.zAdd(`oauth:subject:{${subjectKey}}`, { score: Date.now() - 1, value: 'old' })
      const id = randomUUID()
      await store.create(id, tokenSet({ subjectKey }))
      expect(await client.zRange(`oauth:subject:{${subjectKey}}`, 0, -1)).toEqual([id])
    })

    it('puts its prefix before every key', async () => {
      const store = redisStore({ client, prefix: 'photos:' })
      const id = randomUUID()
      await store.create(id, tokenSet())
      expect(await client.exists(`photos:{${id}}`)).toBe(1)
      expect(await redisStore({ client }).read(id)).toBeUndefined()
    })

    it.each([[undefined], [null], ['redis://'], [{}], [{ evalsha() {}, eval() {} }]])(
      'refuses %p as a client',
      (wrong) => {
        expect(() => redisStore({ client: wrong as never })).toThrow(/node-redis .* or ioredis/)
      },
    )
  })
})
