import session, { type SessionData } from 'express-session'
import type { TokenStore } from '../../lib/index.ts'
import type { Part, Weather } from './drill-plan.ts'
import type { DrillTime } from './drill-time.ts'

const away = () => Object.assign(new Error('the store is away'), { code: 'ECONNREFUSED' })

const locks = new Set(['claim', 'renew', 'release'])
const writes = new Set(['create', 'replace', 'remove', ...locks])

/** What went against the rules of a token store's use. */
export type Complain = (what: string) => void

/**
 * The token store as one process reaches it: slow, and in trouble when the weather is bad. Watches
 * that versions go up one by one and that nothing removed comes back.
 */
export function tokenStoreOf(
  shared: TokenStore,
  weather: Weather,
  time: DrillTime,
  complain: Complain,
): TokenStore {
  function troubleOf(name: string) {
    const parts: Part[] = ['tokens']
    if (locks.has(name)) parts.push('lock')
    if (writes.has(name)) parts.push('writes')
    return parts.map((part) => weather.troubleOf(part)).find((trouble) => trouble !== undefined)
  }

  async function reach<T>(name: string, run: () => Promise<T>): Promise<T> {
    await time.wait(weather.delay())
    const trouble = troubleOf(name)
    if (trouble === 'failing') throw away()
    if (trouble === 'silent') return new Promise(() => {})
    const result = await run()
    await time.wait(weather.delay())
    if (trouble === 'lost') throw away()
    return result
  }

  return {
    create: (id, record) => reach('create', () => shared.create(id, record)),
    read: (id) => reach('read', () => shared.read(id)),
    replace: (id, expected, next) =>
      reach('replace', () => {
        if (next.version !== expected + 1) complain(`${expected} was replaced by ${next.version}`)
        return shared.replace(id, expected, next)
      }),
    remove: (id) => reach('remove', () => shared.remove(id)),
    claim: (id, name, owner, lease) => reach('claim', () => shared.claim(id, name, owner, lease)),
    renew: (id, name, owner, lease) => reach('renew', () => shared.renew(id, name, owner, lease)),
    release: (id, name, owner) => reach('release', () => shared.release(id, name, owner)),
    find: (key) => reach('find', () => shared.find(key)),
  }
}

type Done = (error?: unknown, data?: SessionData | null) => void

/** The session store as one process reaches it: whole sessions, and the last writer wins. */
export function sessionStoreOf(
  kept: Map<string, string>,
  weather: Weather,
  time: DrillTime,
): session.Store {
  function reach(done: Done | undefined, run: () => SessionData | null): void {
    void time.wait(weather.delay()).then(async () => {
      if (weather.troubleOf('sessions') === 'failing') return done?.(away())
      const found = run()
      await time.wait(weather.delay())
      done?.(null, found)
    })
  }

  class DrillSessions extends session.Store {
    override get(id: string, done: Done): void {
      reach(done, () => {
        const text = kept.get(id)
        return text === undefined ? null : (JSON.parse(text) as SessionData)
      })
    }
    override set(id: string, data: SessionData, done?: Done): void {
      const text = JSON.stringify(data)
      reach(done, () => {
        kept.set(id, text)
        return null
      })
    }
    override destroy(id: string, done?: Done): void {
      reach(done, () => {
        kept.delete(id)
        return null
      })
    }
  }
  return new DrillSessions()
}
