import * as v from 'valibot'
import type { InTurn } from './keyed-queue.ts'
import type { SessionRecords } from './session-records.ts'

/** Which ids belong to a key, each with the milliseconds since the epoch until which it may count. */
const members = v.record(v.string(), v.number())
type Members = v.InferOutput<typeof members>

/**
 * Lists of ids, each a record of its own.
 *
 * @internal
 */
export function sessionIndex(records: SessionRecords, inTurn: InTurn) {
  async function change(key: string, edit: (current: Members) => Members | undefined) {
    await inTurn(key, async () => {
      const current = (await records.get(key, members)) ?? {}
      const next = edit(current)
      if (next) await records.set(key, next, Math.max(0, ...Object.values(next)))
    })
  }

  return {
    async ids(key: string): Promise<string[]> {
      const current = (await records.get(key, members)) ?? {}
      return Object.keys(unexpired(current))
    },

    async add(key: string, id: string, expiresAt: number): Promise<void> {
      await change(key, (current) =>
        (current[id] ?? 0) >= expiresAt ? undefined : { ...unexpired(current), [id]: expiresAt },
      )
    },

    async drop(key: string, ids: readonly string[]): Promise<void> {
      await change(key, (current) => {
        if (!ids.some((id) => id in current)) return undefined
        const kept = Object.entries(unexpired(current)).filter(([id]) => !ids.includes(id))
        return Object.fromEntries(kept)
      })
    },
  }
}

function unexpired(current: Members): Members {
  const now = Date.now()
  return Object.fromEntries(Object.entries(current).filter(([, expiresAt]) => expiresAt > now))
}
