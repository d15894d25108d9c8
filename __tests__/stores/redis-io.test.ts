import { randomUUID } from 'node:crypto'
import { expect, it } from '@jest/globals'
import { Cluster, Redis } from 'ioredis'
import { redisStore } from '../../lib/stores/redis.ts'
import { countRoundTrips } from '../support/round-trips.ts'
import { describeWithRedis, startRedis, startRedisCluster } from '../support/redis-server.ts'
import { describeTokenStore, tokenSet } from './contract.ts'
import { describeOutage } from './outage.ts'

function connect(port: number): Redis {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20 })
  // The outage tests lose connections on purpose.
  client.on('error', () => {})
  return client
}

describeWithRedis('with ioredis', () => {
  describeTokenStore('redisStore over two clients', async () => {
    const server = await startRedis()
    const [one, two] = [connect(server.port), connect(server.port)]
    return {
      store: redisStore({ client: one }),
      secondStore: redisStore({ client: two }),
      async close() {
        one.disconnect()
        two.disconnect()
        await server.close()
      },
    }
  })

  describeTokenStore('redisStore over a client with a key prefix', async () => {
    const server = await startRedis()
    const client = new Redis({ port: server.port, host: '127.0.0.1', keyPrefix: 'app:' })
    return {
      store: redisStore({ client }),
      async close() {
        client.disconnect()
        await server.close()
      },
    }
  })

  describeTokenStore('redisStore over a cluster of three masters', async () => {
    const servers = await startRedisCluster()
    const cluster = new Cluster(servers.ports.map((port) => ({ host: '127.0.0.1', port })))
    return {
      store: redisStore({ client: cluster }),
      async close() {
        cluster.disconnect()
        await servers.close()
      },
    }
  })

  describeOutage('redisStore', async () => {
    const server = await startRedis()
    const client = connect(server.port)
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
        client.disconnect()
        await server.close()
      },
    }
  })

  it('takes one round trip to create, read and replace', async () => {
    const server = await startRedis()
    const client = connect(server.port)
    try {
      const { track, taken } = countRoundTrips()
      const store = redisStore({
        client: {
          status: client.status,
          eval: (source: string, keys: number, ...rest: string[]) =>
            track(() => client.eval(source, keys, ...rest)),
          evalsha: (sha: string, keys: number, ...rest: string[]) =>
            track(() => client.evalsha(sha, keys, ...rest)),
        },
      })
      const keys = { subjectKey: randomUUID(), sidKey: randomUUID() }
      const counted: number[] = []
      for (const id of [randomUUID(), randomUUID()]) {
        taken()
        counted.length = 0
        await store.create(id, tokenSet(keys))
        counted.push(taken())
        await store.read(id)
        counted.push(taken())
        await store.replace(id, 1, tokenSet({ version: 2, ...keys }))
        counted.push(taken())
      }
      expect(counted).toEqual([1, 1, 1])
    } finally {
      client.disconnect()
      await server.close()
    }
  })
})
