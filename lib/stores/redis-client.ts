import type { RedisScript } from './redis-scripts.ts'

interface NodeRedisEval {
  (script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** What is used of a node-redis client, pool or cluster (versions 4, 5 and 6). */
interface NodeRedisClient {
  eval: NodeRedisEval
  evalSha: NodeRedisEval
}

interface IoRedisEval {
  (script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
}

/** What is used of an ioredis `Redis` or `Cluster`. */
interface IoRedisClient {
  eval: IoRedisEval
  evalsha: IoRedisEval
  readonly status: string
}

export type RedisClient = NodeRedisClient | IoRedisClient

/** Runs one script on the server, in one round trip. */
export type RunScript = (script: RedisScript, key: string, args?: string[]) => Promise<unknown>

/**
 * The way to run a script on this client, or `undefined` when it is none that we know.
 *
 * @internal
 */
export function scriptRunner(client: unknown, timeout: number): RunScript | undefined {
  if (typeof client !== 'object' || client === null) return undefined
  if (isLegacyMode(client)) return scriptRunner(client.v4, timeout)
  if (isNodeRedis(client)) return nodeRedisRunner(client, timeout)
  if (isIoRedis(client)) return ioRedisRunner(client)
  return undefined
}

function isNodeRedis(client: object): client is NodeRedisClient {
  return (
    'evalSha' in client &&
    typeof client.evalSha === 'function' &&
    'eval' in client &&
    typeof client.eval === 'function'
  )
}

/** Version 4 in legacy mode takes callbacks under the same names; the promises are behind `v4`. */
function isLegacyMode(client: object): client is { v4: unknown } {
  if (!('options' in client)) return false
  const { options } = client
  if (typeof options !== 'object' || options === null) return false
  return 'legacyMode' in options && options.legacyMode === true
}

/** `status` tells ioredis from the callback clients of old, which have `evalsha` too. */
function isIoRedis(client: object): client is IoRedisClient {
  return (
    'evalsha' in client &&
    typeof client.evalsha === 'function' &&
    'eval' in client &&
    typeof client.eval === 'function' &&
    'status' in client &&
    typeof client.status === 'string'
  )
}

function nodeRedisRunner(client: NodeRedisClient, timeout: number): RunScript {
  const commands = withCommandTimeout(client, timeout)
  return async ({ sha1, source }, key, args = []) => {
    const options = { keys: [key], arguments: args }
    return orWithSource(commands.evalSha(sha1, options), () => commands.eval(source, options))
  }
}

/**
 * Without it, what timed out while disconnected would stay queued and run after the reconnect. It
 * comes after the store's own limit, whose error says more.
 */
function withCommandTimeout(client: NodeRedisClient, timeout: number): NodeRedisClient {
  if (!('withCommandOptions' in client)) return client
  const { withCommandOptions } = client
  if (typeof withCommandOptions !== 'function') return client
  return withCommandOptions.call(client, { timeout: timeout + 1 }) as NodeRedisClient
}

function ioRedisRunner(client: IoRedisClient): RunScript {
  return async ({ sha1, source }, key, args = []) =>
    orWithSource(client.evalsha(sha1, 1, key, ...args), () => client.eval(source, 1, key, ...args))
}

/** A server that was restarted, or a new master, has never seen the script. */
async function orWithSource(
  bySha: Promise<unknown>,
  bySource: () => Promise<unknown>,
): Promise<unknown> {
  try {
    return await bySha
  } catch (error) {
    if (!isUnknownScript(error)) throw error
    return bySource()
  }
}

function isUnknownScript(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'message' in error &&
    String(error.message).startsWith('NOSCRIPT')
  )
}
