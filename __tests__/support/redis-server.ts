import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Child, eventually, freePort, onPath, startChild } from './child-server.ts'
import { describeWith } from './describe-with.ts'

const run = promisify(execFile)

export const hasRedis = onPath('redis-server') && onPath('redis-cli')

export const describeWithRedis = describeWith(
  hasRedis,
  'redis-server and redis-cli are missing: apt-get install redis-server',
)

export interface RedisServer {
  readonly port: number
  readonly url: string
  stop(): Promise<void>
  kill(): Promise<void>
  /** Starts again after `stop` or `kill`, with the same port and data. */
  restart(): Promise<void>
  /** Keeps the connections but answers nothing, until `resume`. */
  pause(): void
  resume(): void
  /** Stops it and deletes its data. */
  close(): Promise<void>
}

export async function startRedis(extraArguments: string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-'))
  const port = await freePort()
  const launch = (): Promise<Child> => launchRedis(port, folder, extraArguments)
  let child = await launch()

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: () => child.end('SIGTERM'),
    kill: () => child.end('SIGKILL'),
    async restart() {
      child = await launch()
    },
    pause: () => child.process.kill('SIGSTOP'),
    resume: () => child.process.kill('SIGCONT'),
    async close() {
      await child.end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function launchRedis(port: number, folder: string, extra: string[]): Promise<Child> {
  const child = startChild('redis-server', [
    '--bind 127.0.0.1',
    `--port ${port}`,
    `--dir ${folder}`,
    '--save ""',
    '--appendonly yes',
    '--appendfsync always',
    ...extra,
  ])
  await eventually(`redis-server answers on ${port}`, async () => {
    if (child.exited()) throw new Error(`redis-server ended: ${child.output()}`)
    return (await redisCli(port, 'ping')).trim() === 'PONG'
  })
  return child
}

/** The output of redis-cli; what it says on failure is output too. */
export async function redisCli(port: number, ...command: string[]): Promise<string> {
  try {
    return (await run('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...command])).stdout
  } catch (error) {
    return String(error)
  }
}

export interface RedisCluster {
  readonly ports: readonly number[]
  close(): Promise<void>
}

/** Three masters without replicas. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes: RedisServer[] = []
  for (let started = 0; started < 3; started++) {
    const busPort = String(await freePort())
    nodes.push(await startRedis(['--cluster-enabled yes', `--cluster-port ${busPort}`]))
  }
  const ports = nodes.map(({ port }) => port)
  const addresses = ports.map((port) => `127.0.0.1:${port}`)
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'])
  await eventually('every node knows the whole cluster', async () => {
    const states = await Promise.all(ports.map((port) => redisCli(port, 'cluster', 'info')))
    return states.every((state) => state.includes('cluster_state:ok'))
  })

  return {
    ports,
    async close() {
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}
