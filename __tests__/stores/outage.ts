/* oxlint-disable jest/no-export -- a suite that the tests of every adapter run */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { TokenStore } from '../../lib/tokens/token-store.ts'
import { eventually } from '../support/child-server.ts'
import { tokenSet } from './contract.ts'

export interface Outage {
  readonly store: TokenStore
  /** The `timeout` that the store was given. */
  readonly timeout: number
  kill(): Promise<void>
  restart(): Promise<void>
  /** Lets the backend keep its connections but answer nothing; the result ends that. */
  hang(): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** What a store over a server promises while that server is not there. */
export function describeOutage(name: string, open: () => Promise<Outage>): void {
  describe(`${name} in an outage`, () => {
    let backend: Outage

    beforeAll(async () => {
      backend = await open()
    })
    afterAll(() => backend?.close())

    async function expectRejections(): Promise<void> {
      const { store, timeout } = backend
      const start = performance.now()
      const results = await Promise.allSettled([
        store.create(randomUUID(), tokenSet()),
        store.read('id'),
        store.replace('id', 1, tokenSet()),
        store.remove('id'),
        store.claim('id', 'name', 'owner', 1000),
        store.renew('id', 'name', 'owner', 1000),
        store.release('id', 'name', 'owner'),
        store.find({ subjectKey: 'somebody' }),
      ])
      expect(results.map(({ status }) => status)).toEqual(Array(8).fill('rejected'))
      // The rest is for a busy machine; without a limit it would be for ever.
      expect(performance.now() - start).toBeLessThan(timeout + 3000)
    }

    async function answers(): Promise<boolean> {
      try {
        await backend.store.read('id')
        return true
      } catch {
        return false
      }
    }

    it('rejects every operation within its limit while the server is down, and recovers', async () => {
      const id = randomUUID()
      const record = tokenSet()
      await backend.store.create(id, record)
      await backend.kill()
      await expectRejections()
      await backend.restart()
      await eventually('the store answers again', answers)
      expect(await backend.store.read(id)).toEqual(record)
      expect(await backend.store.replace(id, 1, { ...record, version: 2 })).toBe('ok')
    })

    it('rejects every operation within its limit while the server hangs, and recovers', async () => {
      const id = randomUUID()
      const record = tokenSet()
      await backend.store.create(id, record)
      const resume = await backend.hang()
      try {
        await expectRejections()
        await expect(backend.store.read('id')).rejects.toMatchObject({ code: 'ETIMEDOUT' })
      } finally {
        await resume()
      }
      await eventually('the store answers again', answers)
      expect(await backend.store.read(id)).toEqual(record)
    })
  })
}
