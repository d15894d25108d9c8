import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface AppProcessOptions {
  /** Options of `oauth()`, as JSON. */
  readonly config: Readonly<Record<string, unknown>>
  /** `app.set('trust proxy', 1)` */
  readonly trustProxy?: boolean
  /** PEM; http without. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

export type ToApp = { readonly id: number } & (
  | { readonly kind: 'listen'; readonly tls?: AppProcessOptions['tls'] | undefined }
  | { readonly kind: 'mount'; readonly options: AppProcessOptions }
  | { readonly kind: 'heap' }
)

type FromApp =
  | { readonly kind: 'done'; readonly id: number; readonly value: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'warning'; readonly code: string }

/** An app of the built package in a process of its own. */
export interface AppProcess {
  readonly port: number
  /** Errors that reached the end of the app's chain, and what ended the process. */
  readonly failures: readonly string[]
  /** Codes of the warnings so far. */
  readonly warnings: readonly string[]
  /** What the process wrote to standard error. */
  stderr(): string
  alive(): boolean
  /** Bytes in use after a garbage collection. */
  heap(): Promise<number>
  close(): Promise<void>
}

const script = fileURLToPath(new URL('app-child.js', import.meta.url))

/** Starts the process; the options are made of the port that it got. */
export async function startAppProcess(
  optionsFor: (port: number) => AppProcessOptions,
  {
    tls,
    env = {},
    execArgv = [],
  }: {
    readonly tls?: AppProcessOptions['tls']
    readonly env?: Readonly<Record<string, string>>
    readonly execArgv?: readonly string[]
  } = {},
): Promise<AppProcess> {
  const child = fork(script, {
    execArgv: [...execArgv],
    // Jest's own flags are for its realms; the child is plain Node.
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  const ended = once(child, 'exit')
  const events = new EventEmitter()
  const failures: string[] = []
  const warnings: string[] = []
  let printed = ''
  let closing = false
  let asked = 0

  child.stderr?.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
  })
  child.on('message', (message: FromApp) => {
    if (message.kind === 'done') events.emit(`done ${message.id}`, message.value)
    if (message.kind === 'failed') failures.push(message.reason)
    if (message.kind === 'warning') warnings.push(message.code)
  })
  child.once('exit', (code, signal) => {
    if (closing) return
    failures.push(`the process has ended: ${code ?? signal}\n${printed}`)
    if (events.listenerCount('error') > 0) events.emit('error', new Error(failures.at(-1)))
  })

  type Order = ToApp extends infer T ? (T extends ToApp ? Omit<T, 'id'> : never) : never
  const tell = async (order: Order): Promise<number> => {
    const id = ++asked
    const done = once(events, `done ${id}`)
    child.send({ ...order, id })
    const [value] = (await done) as [number]
    return value
  }

  const port = await tell({ kind: 'listen', tls })
  await tell({ kind: 'mount', options: optionsFor(port) })

  return {
    port,
    failures,
    warnings,
    stderr: () => printed,
    alive: () => child.exitCode === null && child.signalCode === null,
    heap: () => tell({ kind: 'heap' }),
    async close() {
      closing = true
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await ended
    },
  }
}
