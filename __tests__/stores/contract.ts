/* oxlint-disable jest/no-export -- a suite that the tests of every adapter run */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { StoredTokenSet, TokenStore } from '../../lib/tokens/token-store.ts'
import { eventually } from '../support/child-server.ts'
import { describeClaims } from './contract-claims.ts'

export interface OpenStore {
  readonly store: TokenStore
  /** Another instance over the same backend, as another process would have it. */
  readonly secondStore?: TokenStore
  close(): Promise<void>
}

export function tokenSet(fields: Partial<StoredTokenSet> = {}): StoredTokenSet {
  return { version: 1, sealed: randomUUID(), expiresAt: Date.now() + 3_600_000, ...fields }
}

/** What every {@link TokenStore} promises. */
export function describeTokenStore(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name} as a token store`, () => {
    let opened: OpenStore
    let store: TokenStore
    let other: TokenStore

    beforeAll(async () => {
      opened = await open()
      store = opened.store
      other = opened.secondStore ?? store
    })
    afterAll(() => opened?.close())

    describe('records', () => {
      it('gives back what was created, through every instance', async () => {
        const id = randomUUID()
        const record = tokenSet({ subjectKey: randomUUID(), sidKey: randomUUID() })
        await store.create(id, record)
        expect(await store.read(id)).toEqual(record)
        expect(await other.read(id)).toEqual(record)
      })

      it('leaves absent index keys absent', async () => {
        const id = randomUUID()
        await store.create(id, tokenSet())
        expect(Object.keys((await store.read(id)) ?? {}).toSorted()).toEqual([
          'expiresAt',
          'sealed',
          'version',
        ])
      })

      it('knows nothing of an unknown id', async () => {
        expect(await store.read(randomUUID())).toBeUndefined()
      })

      it('keeps its own copy of what it was given', async () => {
        const id = randomUUID()
        const record = { ...tokenSet(), sealed: 'as created' }
        await store.create(id, record)
        record.sealed = 'changed by the caller'
        expect(await store.read(id)).toMatchObject({ sealed: 'as created' })
      })

      it('never lets a second create replace a record', async () => {
        const id = randomUUID()
        const first = tokenSet({ version: 7 })
        await store.create(id, first)
        await other.create(id, tokenSet())
        expect(await store.read(id)).toEqual(first)
      })

      it('keeps records of 64 kilobytes', async () => {
        const id = randomUUID()
        const record = tokenSet({ sealed: 'x'.repeat(64 * 1024) })
        await store.create(id, record)
        expect(await other.read(id)).toEqual(record)
        const next = { ...record, version: 2, sealed: 'y'.repeat(64 * 1024) }
        expect(await store.replace(id, 1, next)).toBe('ok')
        expect(await other.read(id)).toEqual(next)
      })

      it.each([
        '}{',
        '{a}b',
        'a b:c*?[d]',
        `'"\\;--$1`,
        '../../etc',
        '%7B%',
        'ä€😀',
        'x'.repeat(200),
      ])('treats the id %j like any other', async (odd) => {
        const id = `${odd}${randomUUID()}`
        const subjectKey = `${odd}${randomUUID()}`
        const record = tokenSet({ subjectKey })
        await store.create(id, record)
        expect(await store.read(id)).toEqual(record)
        expect(await store.find({ subjectKey })).toEqual([id])
        expect(await store.claim(id, odd, odd, 60_000)).toBe('acquired')
        expect(await store.claim(id, odd, 'other', 60_000)).toBe('held')
        await store.release(id, odd, odd)
        expect(await store.replace(id, 1, { ...record, version: 2 })).toBe('ok')
        await store.remove(id)
        expect(await store.read(id)).toBeUndefined()
      })
    })

    describe('expiry', () => {
      it('forgets a record when its time has come, and never brings it back', async () => {
        const id = randomUUID()
        const subjectKey = randomUUID()
        const record = tokenSet({ expiresAt: Date.now() + 50, subjectKey })
        await store.create(id, record)
        await eventually('the record is gone', async () => !(await store.read(id)))
        expect(Date.now()).toBeGreaterThanOrEqual(record.expiresAt)
        expect(await store.find({ subjectKey })).toEqual([])
        expect(await store.replace(id, 1, tokenSet({ version: 2 }))).toBe('gone')
        expect(await store.read(id)).toBeUndefined()
      })

      it('lets a replacement move the time', async () => {
        const id = randomUUID()
        const subjectKey = randomUUID()
        const record = tokenSet({ subjectKey })
        await store.create(id, record)
        const soon = { ...record, version: 2, expiresAt: Date.now() + 50 }
        expect(await store.replace(id, 1, soon)).toBe('ok')
        await eventually('the record is gone', async () => !(await store.read(id)))
      })

      it('never shows a record that had expired before it came', async () => {
        const id = randomUUID()
        await store.create(id, tokenSet({ expiresAt: Date.now() - 1000 }))
        expect(await store.read(id)).toBeUndefined()
      })
    })

    describe('replace', () => {
      it('writes when the expected version is stored', async () => {
        const id = randomUUID()
        await store.create(id, tokenSet())
        const next = tokenSet({ version: 2 })
        expect(await other.replace(id, 1, next)).toBe('ok')
        expect(await store.read(id)).toEqual(next)
      })

      it('answers conflict and writes nothing when another version is stored', async () => {
        const id = randomUUID()
        const stored = tokenSet({ version: 2 })
        await store.create(id, stored)
        expect(await other.replace(id, 1, tokenSet({ version: 2 }))).toBe('conflict')
        expect(await other.replace(id, 3, tokenSet({ version: 4 }))).toBe('conflict')
        expect(await store.read(id)).toEqual(stored)
      })

      it('answers gone and writes nothing when there is no record', async () => {
        const id = randomUUID()
        expect(await store.replace(id, 0, tokenSet())).toBe('gone')
        expect(await store.replace(id, 1, tokenSet({ version: 2 }))).toBe('gone')
        expect(await store.read(id)).toBeUndefined()
      })

      it('lets exactly one of a hundred parallel replacements through', async () => {
        const id = randomUUID()
        await store.create(id, tokenSet())
        const rivals = Array.from({ length: 100 }, () => tokenSet({ version: 2 }))
        const results = await Promise.all(
          rivals.map((rival, turn) => (turn % 2 ? store : other).replace(id, 1, rival)),
        )
        const winners = rivals.filter((_rival, turn) => results[turn] === 'ok')
        expect(winners).toHaveLength(1)
        expect(results.filter((result) => result === 'conflict')).toHaveLength(99)
        expect(await store.read(id)).toEqual(winners[0])
      })
    })

    describe('remove', () => {
      it('deletes the record for every instance', async () => {
        const id = randomUUID()
        await store.create(id, tokenSet())
        await store.remove(id)
        expect(await store.read(id)).toBeUndefined()
        expect(await other.read(id)).toBeUndefined()
      })

      it('does not mind an id that is unknown or already removed', async () => {
        const id = randomUUID()
        await store.remove(id)
        await other.remove(id)
        expect(await store.read(id)).toBeUndefined()
      })

      it('lets no late replace and no late create bring the record back', async () => {
        const id = randomUUID()
        const subjectKey = randomUUID()
        await store.create(id, tokenSet({ subjectKey }))
        await store.remove(id)
        expect(await other.replace(id, 1, tokenSet({ version: 2, subjectKey }))).toBe('gone')
        expect(await other.replace(id, 0, tokenSet({ subjectKey }))).toBe('gone')
        await other.create(id, tokenSet({ subjectKey }))
        expect(await store.read(id)).toBeUndefined()
        expect(await store.find({ subjectKey })).toEqual([])
      })

      it('refuses a create that comes after the remove of an id never seen', async () => {
        const id = randomUUID()
        await store.remove(id)
        await other.create(id, tokenSet())
        expect(await store.read(id)).toBeUndefined()
      })

      it('wins against replacements that run beside it', async () => {
        const id = randomUUID()
        await store.create(id, tokenSet())
        await Promise.all([
          ...Array.from({ length: 20 }, () => other.replace(id, 1, tokenSet({ version: 2 }))),
          store.remove(id),
          ...Array.from({ length: 20 }, () => other.replace(id, 2, tokenSet({ version: 3 }))),
        ])
        expect(await store.read(id)).toBeUndefined()
      })
    })

    describe('find', () => {
      it('lists the live token sets of a subject and of a session', async () => {
        const [subjectKey, sidKey] = [randomUUID(), randomUUID()]
        const [one, two, stranger] = [randomUUID(), randomUUID(), randomUUID()]
        await store.create(one, tokenSet({ subjectKey, sidKey }))
        await other.create(two, tokenSet({ subjectKey }))
        await store.create(stranger, tokenSet({ subjectKey: randomUUID() }))
        expect((await store.find({ subjectKey })).toSorted()).toEqual([one, two].toSorted())
        expect(await other.find({ sidKey })).toEqual([one])
        expect(await store.find({ subjectKey: randomUUID() })).toEqual([])
        expect(await store.find({ sidKey: subjectKey })).toEqual([])
      })

      it('misses none of many that were created at once', async () => {
        const subjectKey = randomUUID()
        const ids = Array.from({ length: 20 }, () => randomUUID())
        await Promise.all(
          ids.map((id, turn) => (turn % 2 ? store : other).create(id, tokenSet({ subjectKey }))),
        )
        expect((await store.find({ subjectKey })).toSorted()).toEqual(ids.toSorted())
      })

      it('leaves out what was removed', async () => {
        const [subjectKey, sidKey] = [randomUUID(), randomUUID()]
        const [kept, removed] = [randomUUID(), randomUUID()]
        await store.create(kept, tokenSet({ subjectKey, sidKey }))
        await store.create(removed, tokenSet({ subjectKey, sidKey }))
        await other.remove(removed)
        expect(await store.find({ subjectKey })).toEqual([kept])
        expect(await store.find({ sidKey })).toEqual([kept])
      })

      it('follows a replacement that changes the keys', async () => {
        const id = randomUUID()
        const before = tokenSet({ subjectKey: randomUUID(), sidKey: randomUUID() })
        const after = tokenSet({ version: 2, subjectKey: randomUUID() })
        await store.create(id, before)
        expect(await store.replace(id, 1, after)).toBe('ok')
        expect(await other.find({ subjectKey: before.subjectKey ?? '' })).toEqual([])
        expect(await other.find({ sidKey: before.sidKey ?? '' })).toEqual([])
        expect(await other.find({ subjectKey: after.subjectKey ?? '' })).toEqual([id])
      })

      it('is not misled by a replacement that was refused', async () => {
        const id = randomUUID()
        const subjectKey = randomUUID()
        const record = tokenSet({ subjectKey })
        await store.create(id, record)
        const stray = randomUUID()
        expect(await store.replace(id, 5, tokenSet({ subjectKey: stray }))).toBe('conflict')
        expect(await store.find({ subjectKey: stray })).toEqual([])
        expect(await store.find({ subjectKey })).toEqual([id])
      })

      it('finds a token set for as long as its replacements extend it', async () => {
        const id = randomUUID()
        const record = tokenSet({ subjectKey: randomUUID(), expiresAt: Date.now() + 1500 })
        await store.create(id, record)
        const longer = { ...record, version: 2, expiresAt: Date.now() + 3_600_000 }
        expect(await store.replace(id, 1, longer)).toBe('ok')
        await eventually('the first time has passed', async () => Date.now() > record.expiresAt)
        expect(await store.find({ subjectKey: record.subjectKey ?? '' })).toEqual([id])
      })
    })

    describeClaims(() => [store, other])
  })
}
