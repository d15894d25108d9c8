import type { ReplaceResult, StoredTokenSet, TokenStore } from '../tokens/token-store.ts'
import { type RedisClient, type RunScript, scriptRunner } from './redis-client.ts'
import * as scripts from './redis-scripts.ts'
import { checkedTimeout, defaultTimeout, limitedStore } from './time-limit.ts'
import { tombstoneMs } from './tombstone.ts'

export interface RedisStoreOptions {
  /** A connected client of node-redis (`createClient`, `createClientPool`, `createCluster`) or ioredis. */
  client: RedisClient
  /**
   * What all keys begin with.
   *
   * @default 'oauth:'
   */
  prefix?: string
  /**
   * Milliseconds after which an operation that has no answer rejects.
   *
   * @default 2000
   */
  timeout?: number
}

type IndexName = 'subject' | 'sid'

/**
 * Keeps token sets in Redis or Redis Cluster, for any number of processes. The client stays yours:
 * connect it, listen to its `error` event, close it.
 *
 * @example
 * ```ts
 * const client = createClient({ url: process.env.REDIS_URL })
 * client.on('error', console.error)
 * await client.connect()
 * app.use(oauth({ tokenStore: redisStore({ client }) }))
 * ```
 */
export function redisStore(options: RedisStoreOptions): TokenStore {
  const timeout = checkedTimeout(options.timeout ?? defaultTimeout)
  const prefix = options.prefix ?? 'oauth:'
  const run = scriptRunner(options.client, timeout)
  if (!run) {
    throw new TypeError(
      'client must be a node-redis (version 4 or later) or ioredis client that returns promises.',
    )
  }

  return limitedStore(adapter(run, prefix), timeout, 'Redis')
}

function adapter(run: RunScript, prefix: string): TokenStore {
  // Braces choose the cluster slot, so the value between them must not contain any.
  const recordKey = (id: string): string => `${prefix}{${encodeURIComponent(id)}}`
  const claimKey = (id: string, name: string): string => `${recordKey(id)}:claim:${name}`
  const indexKey = (index: IndexName, value: string): string =>
    `${prefix}${index}:{${encodeURIComponent(value)}}`

  // An index may live on another node than the record, so no script covers both. They are sent side
  // by side; the index may therefore name ids that the record contradicts, and `find` asks the record.
  function addToIndexes(id: string, record: StoredTokenSet): Promise<unknown>[] {
    return indexValues(record.subjectKey, record.sidKey).map(([index, value]) =>
      run(scripts.indexAdd, indexKey(index, value), [id, wholeMs(record.expiresAt)]),
    )
  }

  async function dropFromIndexes(id: string, values: [IndexName, string][]): Promise<void> {
    await Promise.all(
      values.map(([index, value]) => run(scripts.indexDrop, indexKey(index, value), [id])),
    )
  }

  return {
    async create(id, record) {
      await Promise.all([
        run(scripts.create, recordKey(id), fields(record)),
        ...addToIndexes(id, record),
      ])
    },

    async read(id) {
      const found = await run(scripts.read, recordKey(id))
      return found ? parseRecord(strings(found)) : undefined
    },

    async replace(id, expectedVersion, next) {
      const [answer] = await Promise.all([
        run(scripts.replace, recordKey(id), [...fields(next), String(expectedVersion)]),
        ...addToIndexes(id, next),
      ])
      const [result, subject, sid] = strings(answer)
      if (result !== 'ok') return result as ReplaceResult
      const kept = new Set(indexValues(next.subjectKey, next.sidKey).map(String))
      const left = indexValues(subject, sid).filter((value) => !kept.has(String(value)))
      await dropFromIndexes(id, left)
      return 'ok'
    },

    async remove(id) {
      const answer = await run(scripts.remove, recordKey(id), [String(tombstoneMs)])
      const [subject, sid] = strings(answer)
      await dropFromIndexes(id, indexValues(subject, sid))
    },

    async claim(relatedId, name, owner, leaseMs) {
      const answer = await run(scripts.claim, claimKey(relatedId, name), [owner, wholeMs(leaseMs)])
      return String(answer) === 'acquired' ? 'acquired' : 'held'
    },

    async renew(relatedId, name, owner, leaseMs) {
      const answer = await run(scripts.renew, claimKey(relatedId, name), [owner, wholeMs(leaseMs)])
      return Number(answer) === 1
    },

    async release(relatedId, name, owner) {
      await run(scripts.release, claimKey(relatedId, name), [owner])
    },

    async find(key) {
      const [index, value]: [IndexName, string] =
        'subjectKey' in key ? ['subject', key.subjectKey] : ['sid', key.sidKey]
      const ids = strings(await run(scripts.indexRead, indexKey(index, value)))
      const states = await Promise.all(
        ids.map(async (id) => String(await run(scripts.check, recordKey(id), [index, value]))),
      )
      // Only a removed id never comes back; any other may be in the middle of being written.
      const removed = ids.filter((_id, position) => states[position] === 'removed')
      if (removed.length > 0) await run(scripts.indexDrop, indexKey(index, value), removed)
      return ids.filter((_id, position) => states[position] === 'live')
    },
  }
}

function fields({ version, sealed, expiresAt, subjectKey, sidKey }: StoredTokenSet): string[] {
  return [String(version), sealed, wholeMs(expiresAt), subjectKey ?? '', sidKey ?? '']
}

function parseRecord(values: string[]): StoredTokenSet {
  const [version, sealed = '', expiresAt, subjectKey, sidKey] = values
  return {
    version: Number(version),
    sealed,
    expiresAt: Number(expiresAt),
    ...(subjectKey && { subjectKey }),
    ...(sidKey && { sidKey }),
  }
}

function indexValues(subject: string | undefined, sid: string | undefined): [IndexName, string][] {
  const values: [IndexName, string][] = []
  if (subject) values.push(['subject', subject])
  if (sid) values.push(['sid', sid])
  return values
}

/** Replies are strings, or buffers when the client was set up that way. */
function strings(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}

/** Redis takes whole milliseconds only. */
function wholeMs(ms: number): string {
  return String(Math.ceil(ms))
}
