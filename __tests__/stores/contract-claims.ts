/* oxlint-disable jest/no-export -- a part of the contract */
import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, it } from '@jest/globals'
import type { TokenStore } from '../../lib/tokens/token-store.ts'
import { eventually } from '../support/child-server.ts'

export function describeClaims(stores: () => [TokenStore, TokenStore]): void {
  describe('claims', () => {
    const name = 'refresh'
    let store: TokenStore
    let other: TokenStore
    let id: string

    beforeAll(() => {
      ;[store, other] = stores()
    })

    it('go to one owner at a time', async () => {
      id = randomUUID()
      expect(await store.claim(id, name, 'first', 60_000)).toBe('acquired')
      expect(await other.claim(id, name, 'second', 60_000)).toBe('held')
      expect(await store.claim(id, name, 'first', 60_000)).toBe('acquired')
    })

    it('go to exactly one of a hundred who ask at once', async () => {
      id = randomUUID()
      const results = await Promise.all(
        Array.from({ length: 100 }, (_none, turn) =>
          (turn % 2 ? store : other).claim(id, name, `owner ${turn}`, 60_000),
        ),
      )
      expect(results.filter((result) => result === 'acquired')).toHaveLength(1)
    })

    it('of different names and different token sets are independent', async () => {
      id = randomUUID()
      expect(await store.claim(id, 'one', 'first', 60_000)).toBe('acquired')
      expect(await other.claim(id, 'two', 'second', 60_000)).toBe('acquired')
      expect(await other.claim(randomUUID(), 'one', 'second', 60_000)).toBe('acquired')
    })

    it('are free for others when the lease has run out, and only then', async () => {
      id = randomUUID()
      const start = performance.now()
      expect(await store.claim(id, name, 'first', 200)).toBe('acquired')
      await eventually(
        'the lease has run out',
        async () => (await other.claim(id, name, 'second', 60_000)) === 'acquired',
      )
      expect(performance.now() - start).toBeGreaterThanOrEqual(199)
      expect(await store.claim(id, name, 'first', 60_000)).toBe('held')
    })

    it('are renewed only by the owner who still has them', async () => {
      id = randomUUID()
      expect(await store.renew(id, name, 'first', 60_000)).toBe(false)
      await store.claim(id, name, 'first', 60_000)
      expect(await store.renew(id, name, 'first', 60_000)).toBe(true)
      expect(await other.renew(id, name, 'second', 60_000)).toBe(false)
      expect(await other.claim(id, name, 'second', 60_000)).toBe('held')
    })

    it('are extended by a renewal', async () => {
      id = randomUUID()
      await store.claim(id, name, 'first', 1500)
      expect(await store.renew(id, name, 'first', 60_000)).toBe(true)
      const start = performance.now()
      await eventually('the first lease is over', async () => performance.now() - start > 1510)
      expect(await other.claim(id, name, 'second', 60_000)).toBe('held')
    })

    it('cannot be renewed after they were lost', async () => {
      id = randomUUID()
      await store.claim(id, name, 'first', 1)
      await eventually(
        'another owner has it',
        async () => (await other.claim(id, name, 'second', 60_000)) === 'acquired',
      )
      expect(await store.renew(id, name, 'first', 60_000)).toBe(false)
      await store.release(id, name, 'first')
      expect(await store.claim(id, name, 'first', 60_000)).toBe('held')
    })

    it('are released by their owner alone', async () => {
      id = randomUUID()
      await store.claim(id, name, 'first', 60_000)
      await other.release(id, name, 'second')
      expect(await other.claim(id, name, 'second', 60_000)).toBe('held')
      await store.release(id, name, 'first')
      await store.release(id, name, 'first')
      expect(await other.claim(id, name, 'second', 60_000)).toBe('acquired')
    })

    it('outlive the record, and need none', async () => {
      id = randomUUID()
      expect(await store.claim(id, name, 'first', 60_000)).toBe('acquired')
      await store.remove(id)
      expect(await other.claim(id, name, 'second', 60_000)).toBe('held')
      expect(await store.read(id)).toBeUndefined()
    })
  })
}
