import { afterEach, describe, expect, it } from '@jest/globals'
import { readConfig } from '../../lib/config.ts'
import type { OAuthOptions } from '../../lib/options.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { createTokenSet, mergeGrant, type TokenSet } from '../../lib/tokens/token-set.ts'
import type { TokenStore } from '../../lib/tokens/token-store.ts'
import { createTokenVault } from '../../lib/tokens/token-vault.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { createHold } from '../support/hold.ts'

afterEach(resetClock)

const secret = 'the-sealing-secret-of-at-least-32-characters'
const alice = { issuer: 'https://idp.example.com', subject: 'alice', sid: 'session-7' }
const hour = 3_600_000

const configFor = (options: OAuthOptions = {}) =>
  readConfig({
    issuer: alice.issuer,
    clientId: 'photo-editor',
    clientSecret: 'the-client-secret',
    baseUrl: 'https://app.example.com',
    secret,
    ...options,
  })

const grant = (name: string) => ({
  accessToken: `hush-access-${name}`,
  refreshToken: `hush-refresh-${name}`,
  tokenType: 'bearer',
  expiresIn: 3600,
  requestedAt: Date.now(),
})

const firstSet = () =>
  createTokenSet(grant('1'), {
    scope: ['openid'],
    subject: alice.subject,
    expiresAt: Date.now() + 24 * hour,
  })
const nextOf = (set: TokenSet, name = '2') => mergeGrant(set, grant(name), {})

/** A store that counts what it is asked, and that the test can take away. */
function createWatched(inner: TokenStore = memoryStore()) {
  const calls: string[] = []
  const state = { down: false, silent: false }
  const store = new Proxy(inner, {
    get(target, name: keyof TokenStore) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return (...parameters: never[]) => {
        calls.push(name)
        if (state.down) return Promise.reject(new Error('connection lost'))
        if (state.silent) return new Promise(() => {})
        return (method as (...values: never[]) => unknown).apply(target, parameters)
      }
    },
  })
  return { store, inner, calls, state }
}

function createVault(options: OAuthOptions = {}, watched = createWatched()) {
  return { ...watched, vault: createTokenVault(configFor(options), watched.store) }
}

const outage = { code: 'ERR_TOKEN_STORE_UNAVAILABLE', status: 503, retryAfter: 5 }

describe('a token set in the vault', () => {
  it('is stored sealed, under a random id, and comes back as it was', async () => {
    const { inner, store, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    expect(id).toMatch(/^[\w-]{32}$/)
    expect(await vault.create(set, alice)).not.toBe(id)
    const record = await inner.read(id)
    expect(record).toMatchObject({ version: 1, expiresAt: set.expiresAt })
    expect(JSON.stringify(record)).not.toMatch(/hush|alice|session-7|idp\.example/)
    expect(await createTokenVault(configFor(), store).read(id)).toEqual(set)
  })

  it('does not open when it was moved to another id', async () => {
    const { inner, vault } = createVault()
    const id = await vault.create(firstSet(), alice)
    const record = await inner.read(id)
    if (record) await inner.create('another', record)
    expect(await vault.readStored('another')).toBeUndefined()
  })

  it('is found by its person and by its session at the provider', async () => {
    const { inner, vault } = createVault()
    const id = await vault.create(firstSet(), alice)
    const other = await vault.create(firstSet(), { ...alice, sid: undefined })
    const record = await inner.read(id)
    const { subjectKey = '', sidKey = '' } = record ?? {}
    expect((await inner.find({ subjectKey })).toSorted()).toEqual([id, other].toSorted())
    expect(await inner.find({ sidKey })).toEqual([id])
    expect(subjectKey).not.toBe(sidKey)
  })

  it('is still found after it was replaced, by another process as well', async () => {
    const { inner, store, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    const before = await inner.read(id)
    const elsewhere = createTokenVault(configFor({ cache: { ttl: 0 } }), store)
    expect(await elsewhere.replace(id, set, nextOf(set))).toBe('ok')
    expect(await inner.read(id)).toMatchObject({
      version: 2,
      subjectKey: before?.subjectKey,
      sidKey: before?.sidKey,
    })
  })

  it('is read after the secret was rotated, and not after it was lost', async () => {
    const { store, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    const rotated = createTokenVault(configFor({ secret: ['n'.repeat(32), secret] }), store)
    expect(await rotated.read(id)).toEqual(set)
    const lost = createTokenVault(configFor({ secret: 'n'.repeat(32) }), store)
    expect(await lost.read(id)).toBeUndefined()
  })

  it('that was never there is an answer, not an error', async () => {
    const { vault } = createVault()
    expect(await vault.read('unknown')).toBeUndefined()
    expect(vault.peek('unknown')).toBeUndefined()
    expect(await vault.replace('unknown', firstSet(), nextOf(firstSet()))).toBe('gone')
  })

  it('that another one has replaced conflicts, and is read anew', async () => {
    const { store, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    const elsewhere = createTokenVault(configFor(), store)
    await elsewhere.replace(id, set, nextOf(set, 'theirs'))
    expect(await vault.replace(id, set, nextOf(set, 'ours'))).toBe('conflict')
    expect((await vault.read(id))?.accessTokens['']?.value).toBe('hush-access-theirs')
  })
})

describe('the memory of the vault', () => {
  it('makes an ordinary request cost nothing', async () => {
    const { calls, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    for (let request = 0; request < 100; request += 1) {
      expect(vault.peek(id)).toBe(set)
      expect(await vault.read(id)).toBe(set)
    }
    expect(calls).toEqual(['create'])
  })

  it('lasts for some seconds', async () => {
    const { calls, vault } = createVault()
    const id = await vault.create(firstSet(), alice)
    advanceClock(10_000)
    expect(vault.peek(id)).toBeUndefined()
    expect(await vault.read(id)).toMatchObject({ version: 1 })
    expect(vault.peek(id)).toMatchObject({ version: 1 })
    expect(calls).toEqual(['create', 'read'])
  })

  it('is passed by where a decision depends on the newest version', async () => {
    const { store, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    await createTokenVault(configFor(), store).replace(id, set, nextOf(set))
    expect(vault.peek(id)).toMatchObject({ version: 1 })
    expect(await vault.readStored(id)).toMatchObject({ version: 2 })
    expect(vault.peek(id)).toMatchObject({ version: 2 })
  })

  it.each([{ ttl: 0 }, { maxEntries: 0 }])('can be turned off with %j', async (cache) => {
    const { calls, vault } = createVault({ cache })
    const id = await vault.create(firstSet(), alice)
    await vault.read(id)
    await vault.read(id)
    expect(vault.peek(id)).toBeUndefined()
    expect(calls).toEqual(['create', 'read', 'read'])
  })

  it('holds so many and no more; the oldest go', async () => {
    const { vault } = createVault({ cache: { maxEntries: 3 } })
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) ids.push(await vault.create(firstSet(), alice))
    expect(ids.map((id) => vault.peek(id) !== undefined)).toEqual([false, false, true, true, true])
  })

  it('does not go back to an older version', async () => {
    const { inner, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    const old = await inner.read(id)
    await vault.replace(id, set, nextOf(set))
    if (!old) throw new Error('the record is missing')
    inner.read = async () => old
    await vault.readStored(id)
    expect(vault.peek(id)).toMatchObject({ version: 2 })
  })
})

describe('a removed token set', () => {
  it('is gone here and elsewhere, and cannot be brought back', async () => {
    const { store, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    const elsewhere = createTokenVault(configFor(), store)
    await vault.remove(id)
    expect(vault.peek(id)).toBeUndefined()
    expect(await vault.read(id)).toBeUndefined()
    expect(await vault.replace(id, set, nextOf(set))).toBe('gone')
    expect(await elsewhere.replace(id, set, nextOf(set))).toBe('gone')
    expect(await elsewhere.readStored(id)).toBeUndefined()
  })

  it('is gone for a read that began before', async () => {
    const { inner, vault } = createVault({ cache: { ttl: 0 } })
    const id = await vault.create(firstSet(), alice)
    const record = await inner.read(id)
    let answer = (_value: typeof record) => {}
    inner.read = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    const reading = vault.read(id)
    await vault.remove(id)
    answer(record)
    expect(await reading).toBeUndefined()
    expect(vault.peek(id)).toBeUndefined()
  })

  it('is still there when the store did not take the removal', async () => {
    const { state, vault } = createVault()
    const id = await vault.create(firstSet(), alice)
    state.down = true
    await expect(vault.remove(id)).rejects.toMatchObject(outage)
    state.down = false
    expect(await vault.read(id)).toMatchObject({ version: 1 })
  })
})

describe('a store that is down', () => {
  it.each<[string, (vault: ReturnType<typeof createVault>['vault']) => Promise<unknown>]>([
    ['create', (vault) => vault.create(firstSet(), alice)],
    ['read', (vault) => vault.read('id')],
    ['read', (vault) => vault.readStored('id')],
    ['read', (vault) => vault.replace('id', firstSet(), nextOf(firstSet()))],
    ['remove', (vault) => vault.remove('id')],
    ['claim', (vault) => vault.claim('id', 'me', 1000)],
    ['find', (vault) => vault.hasAny(alice)],
    ['release', (vault) => vault.release('id', 'me')],
    ['claim', (vault) => vault.takeOnce('id', 1000)],
  ])('is told when it cannot %s', async (operation, work) => {
    const { state, vault } = createVault()
    state.down = true
    await expect(work(vault)).rejects.toMatchObject({
      ...outage,
      detail: `the token store did not ${operation}; see the cause`,
      cause: expect.objectContaining({ message: 'connection lost' }),
    })
  })

  it('is told when it never answers', async () => {
    const { state, vault } = createVault({ timeout: 0.1 })
    state.silent = true
    await expect(vault.read('id')).rejects.toMatchObject(outage)
  })

  it('is not noticed by requests that the memory serves', async () => {
    const { state, vault } = createVault()
    const id = await vault.create(firstSet(), alice)
    state.down = true
    expect(await vault.read(id)).toMatchObject({ version: 1 })
  })
})

describe('a claim', () => {
  it('has one owner, who may take it again, until it is released', async () => {
    const { vault } = createVault()
    const { claim, release } = vault
    expect(await claim('id', 'me', 1000)).toBe(true)
    expect(await claim('id', 'me', 1000)).toBe(true)
    expect(await claim('id', 'you', 1000)).toBe(false)
    expect(await claim('another', 'you', 1000)).toBe(true)
    await release('id', 'you')
    expect(await claim('id', 'you', 1000)).toBe(false)
    await release('id', 'me')
    expect(await claim('id', 'you', 1000)).toBe(true)
  })

  it('of something that exists once is won once', async () => {
    const { store, vault } = createVault()
    const elsewhere = createTokenVault(configFor(), store)
    const wins = await Promise.all([
      vault.takeOnce('tx', 60_000),
      elsewhere.takeOnce('tx', 60_000),
      vault.takeOnce('tx', 60_000),
    ])
    expect(wins.filter(Boolean)).toHaveLength(1)
    expect(await vault.takeOnce('another', 60_000)).toBe(true)
    expect(await vault.claim('tx', 'me', 1000)).toBe(true)
  })
})

describe('while a token set is being removed', () => {
  /** A removal that waits for the test, and then fails or not. */
  async function removing(outcome: 'done' | 'failed') {
    const hold = createHold()
    const inner = memoryStore()
    const remove = async (id: string) => {
      await hold.pass()
      if (outcome === 'failed') throw new Error('connection lost')
      return inner.remove(id)
    }
    const vault = createTokenVault(configFor(), { ...inner, remove })
    const set = firstSet()
    const id = await vault.create(set, alice)
    const removal = vault.remove(id)
    await hold.arrived
    const settled: string[] = []
    const note = (name: string) => void settled.push(name)
    return { hold, id, inner, note, removal, set, settled, vault }
  }

  it('nobody is told that it is gone before it is', async () => {
    const { hold, id, note, removal, set, settled, vault } = await removing('done')
    const work = [
      removal.then(() => note('removed')),
      vault.replace(id, set, nextOf(set)).then(note),
      vault.readStored(id).then((stored) => note(stored ? 'still there' : 'absent')),
    ]
    await vault.claim(id, 'somebody', 1000)
    expect(settled).toEqual([])
    hold.release()
    await Promise.all(work)
    expect(settled.toSorted()).toEqual(['absent', 'gone', 'removed'])
  })

  it('the next version is kept for a removal that fails', async () => {
    const { hold, id, inner, removal, set, vault } = await removing('failed')
    const replaced = vault.replace(id, set, nextOf(set))
    hold.release()
    await expect(removal).rejects.toMatchObject(outage)
    expect(await replaced).toBe('ok')
    expect(await inner.read(id)).toMatchObject({ version: 2 })
  })
})

describe('the activity of a visitor', () => {
  it('is noted on top of what was written meanwhile', async () => {
    const { store, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    advanceClock(hour)
    await createTokenVault(configFor(), store).replace(id, set, nextOf(set))
    const visited = Date.now()
    await vault.touch(id, set)
    const stored = await vault.readStored(id)
    expect(stored?.version).toBe(3)
    expect(stored?.seenAt).toBeGreaterThanOrEqual(visited)
    expect(stored?.accessTokens['']?.value).toBe('hush-access-2')
  })

  it('is not moved back by a visit that took longer to be noted', async () => {
    const { calls, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    await vault.touch(id, { ...set, seenAt: Date.now() + 1000 })
    expect(calls).not.toContain('replace')
  })

  it('brings nothing back that is gone', async () => {
    const { inner, vault } = createVault()
    const set = firstSet()
    const id = await vault.create(set, alice)
    advanceClock(1000)
    await inner.remove(id)
    await vault.touch(id, set)
    expect(await inner.read(id)).toBeUndefined()
  })
})
