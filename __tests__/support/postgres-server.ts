import { execFile, execFileSync } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Pool } from 'pg'
import { type Child, eventually, freePort, onPath, startChild } from './child-server.ts'
import { describeWith } from './describe-with.ts'

const run = promisify(execFile)

/** Debian keeps the server's programs off the PATH, one folder a version. */
function programFolder(): string | undefined {
  const versions = '/usr/lib/postgresql'
  if (!existsSync(versions)) return onPath('initdb') && onPath('postgres') ? '' : undefined
  return readdirSync(versions)
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(versions, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')))
}

const programs = programFolder()

export const hasPostgres = programs !== undefined

export const describeWithPostgres = describeWith(
  hasPostgres,
  'The PostgreSQL server programs are missing: apt-get install postgresql',
)

export interface PostgresServer {
  readonly port: number
  /** Of the superuser; the database is empty. */
  readonly connectionString: string
  stop(): Promise<void>
  kill(): Promise<void>
  /** Starts again after `stop` or `kill`, with the same port and data. */
  restart(): Promise<void>
  /** Stops it and deletes its data. */
  close(): Promise<void>
}

export async function startPostgres(): Promise<PostgresServer> {
  const user = unprivilegedUser()
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'))
  if (user) await chown(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  await run(
    join(programs ?? '', 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...user, cwd: folder },
  )
  const port = await freePort()
  const launch = (): Promise<Child> => launchPostgres(port, data, user)
  let child = await launch()

  return {
    port,
    connectionString: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: () => child.end('SIGINT'),
    kill: () => child.end('SIGKILL'),
    async restart() {
      child = await launch()
    },
    async close() {
      await child.end('SIGINT')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A pool that takes the loss of its idle connections calmly: the tests end the server under it. */
export function openPool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: 5 })
  pool.on('error', () => {})
  return pool
}

interface User {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to run as root; its package made a user for it. */
function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres']).toString())
  return { uid: idOf('-u'), gid: idOf('-g') }
}

async function launchPostgres(port: number, data: string, user: User | undefined): Promise<Child> {
  const launch = (): Child =>
    startChild(
      join(programs ?? '', 'postgres'),
      [
        `-D${data}`,
        `-p${port}`,
        '-h127.0.0.1',
        '-cunix_socket_directories=',
        '-cmax_connections=50',
        '-F',
      ],
      { ...user, cwd: data },
    )
  let child = launch()
  await eventually(`PostgreSQL answers on ${port}`, async () => {
    if (child.exited()) {
      // The processes of a killed server need a moment to notice and to let go of its memory.
      if (!child.output().includes('still in use')) {
        throw new Error(`PostgreSQL ended: ${child.output()}`)
      }
      child = launch()
    }
    return answers(port)
  })
  return child
}

async function answers(port: number): Promise<boolean> {
  try {
    await run(join(programs ?? '', 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port), '-q'])
    return true
  } catch {
    return false
  }
}
