import { describe, expect, it } from '@jest/globals'
import { memoryStore } from '../../lib/stores/memory.ts'
import { describeTokenStore, tokenSet } from './contract.ts'

describeTokenStore('memoryStore', async () => ({
  store: memoryStore(),
  close: async () => {},
}))

describe('memoryStore', () => {
  it('keeps a tombstone for an hour and forgets it after', async () => {
    let time = 1_000_000
    const store = memoryStore({ now: () => time })
    await store.remove('id')
    time += 3_599_000
    await store.create('id', tokenSet({ expiresAt: time + 10_000 }))
    expect(await store.read('id')).toBeUndefined()
    time += 1000
    await store.create('id', tokenSet({ expiresAt: time + 10_000 }))
    expect(await store.read('id')).toMatchObject({ version: 1 })
  })

  it('shares nothing with another memory store', async () => {
    const store = memoryStore()
    await store.create('id', tokenSet())
    expect(await memoryStore().read('id')).toBeUndefined()
  })
})
