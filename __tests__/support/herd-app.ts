import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'

export type ToChild =
  | {
      readonly kind: 'mount'
      readonly id: number
      readonly baseUrl: string
      readonly storeUrl: string
      readonly options: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'advance'; readonly id: number; readonly milliseconds: number }

type FromChild =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'event'; readonly name: string; readonly error?: string }

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never

/** One process with an app of the built package in it. */
export interface HerdApp {
  readonly url: string
  readonly process: ChildProcess
  tell(message: WithoutId<ToChild>): Promise<void>
  /** How often the event happened in this process. */
  count(event: string): number
  /** Resolves with the next event of the name. */
  next(event: string): Promise<void>
  /** Ends it as a power cut would. */
  kill(): Promise<void>
}

const script = fileURLToPath(new URL('herd-child.js', import.meta.url))

export async function forkHerdApp(): Promise<HerdApp> {
  // Jest's own flags are for its realms; the child is plain Node.
  const child = fork(script, {
    execArgv: ['--no-warnings'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const events = new EventEmitter().setMaxListeners(0)
  const counts = new Map<string, number>()
  const ended = once(child, 'exit')
  let asked = 0
  /** Reaches whoever is waiting for this process; when nobody is, its requests fail anyway. */
  const fail = (reason: string): void => {
    if (events.listenerCount('error') > 0) events.emit('error', new Error(reason))
  }

  child.on('message', (message: FromChild) => {
    if (message.kind === 'event') {
      counts.set(message.name, (counts.get(message.name) ?? 0) + 1)
      events.emit(message.name)
    }
    if (message.kind === 'done') events.emit(`done ${message.id}`)
    if (message.kind === 'failed') fail(message.reason)
    if (message.kind === 'listening') events.emit('listening', message.port)
  })
  child.once('exit', (code, signal) => fail(`the process has ended: ${code ?? signal}`))

  const [port] = (await once(events, 'listening')) as [number]
  return {
    url: `http://127.0.0.1:${port}`,
    process: child,
    async tell(message) {
      const id = ++asked
      const done = once(events, `done ${id}`)
      child.send({ ...message, id })
      await done
    },
    count: (event) => counts.get(event) ?? 0,
    async next(event) {
      await once(events, event)
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await ended
    },
  }
}
