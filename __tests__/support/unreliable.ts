import { MemoryStore, type SessionData } from 'express-session'
import { memoryStore, type TokenStore } from '../../lib/index.ts'

/** How a store behaves: it answers, it reports an error, or it says nothing at all. */
export type Mood = 'well' | 'failing' | 'silent'

export interface Unreliable<T> {
  readonly store: T
  /** How often each operation was called. */
  readonly calls: Readonly<Record<string, number>>
  mood: Mood
  /** Only these operations are affected; all of them when left out. */
  only: readonly string[] | undefined
}

const outage = () => Object.assign(new Error('the store is away'), { code: 'ECONNREFUSED' })

/** The mood for one call, which is counted. */
function moodFor(name: string, of: Unreliable<unknown>): Mood {
  const calls = of.calls as Record<string, number>
  calls[name] = (calls[name] ?? 0) + 1
  return of.only && !of.only.includes(name) ? 'well' : of.mood
}

/** A token store of this process that can be made to fail; `created` are the ids in it. */
export function unreliableTokenStore(
  inner: TokenStore = memoryStore(),
): Unreliable<TokenStore> & { readonly created: readonly string[] } {
  const created: string[] = []
  const store = Object.fromEntries(
    Object.entries(inner).map(([name, method]) => [
      name,
      async (...args: unknown[]) => {
        const mood = moodFor(name, result)
        if (name === 'create') created.push(String(args[0]))
        if (mood === 'failing') throw outage()
        if (mood === 'silent') return new Promise(() => {})
        return (method as (...args: unknown[]) => Promise<unknown>)(...args)
      },
    ]),
  ) as unknown as TokenStore
  const result: Unreliable<TokenStore> = { store, calls: {}, mood: 'well', only: undefined }
  return Object.assign(result, { created })
}

type Done = (error?: unknown, data?: SessionData | null) => void

/** The memory store of express-session, which can be made to fail. */
export function unreliableSessionStore(): Unreliable<MemoryStore> {
  class UnreliableStore extends MemoryStore {
    override get(id: string, done: Done) {
      withMood('get', done, () => super.get(id, done))
    }
    override set(id: string, data: SessionData, done: Done = () => {}) {
      withMood('set', done, () => super.set(id, data, done))
    }
    override touch(id: string, data: SessionData, done: Done = () => {}) {
      withMood('touch', done, () => super.touch(id, data, done))
    }
    override destroy(id: string, done: Done = () => {}) {
      withMood('destroy', done, () => super.destroy(id, done))
    }
  }
  function withMood(name: string, done: Done, run: () => void): void {
    const mood = moodFor(name, result)
    if (mood === 'well') run()
    if (mood === 'failing') setImmediate(done, outage())
  }
  const result: Unreliable<MemoryStore> = {
    store: new UnreliableStore(),
    calls: {},
    mood: 'well',
    only: undefined,
  }
  return result
}
