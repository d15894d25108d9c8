import { describeWithPostgres, startPostgres } from './postgres-server.ts'
import { describeWithRedis, startRedis } from './redis-server.ts'

/** A store server that can be taken away and brought back. */
export interface Backend {
  readonly url: string
  kill(): Promise<void>
  restart(): Promise<void>
  close(): Promise<void>
}

export const backends = [
  { name: 'Redis', describeWithIt: describeWithRedis, start: startRedis as () => Promise<Backend> },
  {
    name: 'PostgreSQL',
    describeWithIt: describeWithPostgres,
    async start(): Promise<Backend> {
      const { connectionString: url, kill, restart, close } = await startPostgres()
      return { url, kill, restart, close }
    },
  },
]
