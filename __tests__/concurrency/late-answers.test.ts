import { expect, test } from '@jest/globals'
import { readConfig } from '../../lib/config.ts'
import { memoryStore, type TokenStore } from '../../lib/index.ts'
import type { Provider } from '../../lib/provider.ts'
import { createRefresher } from '../../lib/tokens/refresh.ts'
import { createTokenSet, type Grant } from '../../lib/tokens/token-set.ts'
import { createTokenVault } from '../../lib/tokens/token-vault.ts'
import { createHold } from '../support/hold.ts'
import { unreliableTokenStore } from '../support/unreliable.ts'

const config = readConfig({
  issuer: 'http://127.0.0.1:9',
  clientId: 'late',
  clientSecret: 'the-secret-of-the-late-client',
  baseUrl: 'http://127.0.0.1',
  secret: 'the-secret-of-an-app-whose-answers-come-late',
  timeout: 2,
})
const owner = { issuer: 'late', subject: 'alice', sid: undefined }
const inAnHour = () => Date.now() + 3_600_000

const tokens = (number: number, expiresIn: number): Grant => ({
  accessToken: `access-${number}`,
  refreshToken: `refresh-${number}`,
  tokenType: 'bearer',
  expiresIn,
  requestedAt: Date.now(),
})

const expiredSet = () =>
  createTokenSet(
    { ...tokens(0, 0), requestedAt: Date.now() - 1 },
    { scope: [], subject: 'alice', expiresAt: inAnHour() },
  )

/** Gives out tokens and notes which refresh tokens it saw. */
function lateProvider(answer: () => Promise<void> = async () => {}) {
  const seen: string[] = []
  const provider: Partial<Provider> = {
    openid: false,
    about: () => ({}),
    async refresh(refreshToken) {
      seen.push(refreshToken)
      await answer()
      return tokens(seen.length, 3600)
    },
    revoke: async () => true,
  }
  return { provider: provider as Provider, seen }
}

function processOver(store: TokenStore, provider: Provider) {
  const vault = createTokenVault(config, store)
  return { vault, refresher: createRefresher(config, vault, provider) }
}

test('a token set that is removed while it is being read stays removed', async () => {
  const store = memoryStore()
  const hold = createHold()
  const { vault } = processOver(
    {
      ...store,
      async read(id) {
        const found = await store.read(id)
        await hold.pass()
        return found
      },
    },
    lateProvider().provider,
  )
  const id = await processOver(store, lateProvider().provider).vault.create(expiredSet(), owner)
  const reading = vault.readStored(id)
  await hold.arrived
  await vault.remove(id)
  hold.release()
  expect(await reading).toBeUndefined()
  expect(vault.peek(id)).toBeUndefined()
  expect(await vault.read(id)).toBeUndefined()
})

test('a token set that is removed while it is being refreshed stays removed', async () => {
  const hold = createHold()
  const { provider } = lateProvider(hold.pass)
  const { refresher, vault } = processOver(memoryStore(), provider)
  const stale = expiredSet()
  const id = await vault.create(stale, owner)
  const refreshing = refresher.fresh(id, stale, {})
  await hold.arrived
  await vault.remove(id)
  hold.release()
  await expect(refreshing).rejects.toMatchObject({ code: 'ERR_LOGIN_EXPIRED' })
  expect(await vault.read(id)).toBeUndefined()
})

test('until the new tokens are stored, no other process spends the old one', async () => {
  const tokenStore = unreliableTokenStore()
  const { provider, seen } = lateProvider()
  const one = processOver(tokenStore.store, provider)
  const other = processOver(tokenStore.store, provider)
  const stale = expiredSet()
  const id = await one.vault.create(stale, owner)

  tokenStore.only = ['replace']
  tokenStore.mood = 'failing'
  const outage = { code: 'ERR_TOKEN_STORE_UNAVAILABLE' }
  await expect(one.refresher.fresh(id, stale, {})).rejects.toMatchObject(outage)
  const waiting = other.refresher.fresh(id, stale, {})
  await expect(one.refresher.fresh(id, stale, {})).rejects.toMatchObject(outage)
  expect(seen).toEqual(['refresh-0'])

  tokenStore.mood = 'well'
  expect((await waiting).accessTokens['']?.value).toBe('access-1')
  expect(await other.vault.readStored(id)).toMatchObject({ refreshToken: 'refresh-1' })
  expect(seen).toEqual(['refresh-0'])
})

test('a replacement that arrived although its answer was lost is not made twice', async () => {
  const store = memoryStore()
  let lost = 0
  const { provider, seen } = lateProvider()
  const { refresher, vault } = processOver(
    {
      ...store,
      async replace(...args) {
        const result = await store.replace(...args)
        lost += 1
        if (lost === 1) throw new Error('the answer is lost')
        return result
      },
    },
    provider,
  )
  const stale = expiredSet()
  const id = await vault.create(stale, owner)
  expect((await refresher.fresh(id, stale, {})).accessTokens['']?.value).toBe('access-1')
  expect(await vault.readStored(id)).toMatchObject({ version: 2, refreshToken: 'refresh-1' })
  expect(seen).toEqual(['refresh-0'])
})

test('tokens for other resources wait for one another, and each gets its own', async () => {
  const { provider, seen } = lateProvider()
  const { refresher, vault } = processOver(memoryStore(), provider)
  const stale = expiredSet()
  const id = await vault.create(stale, owner)
  const resources = [undefined, 'urn:one', 'urn:two']
  await Promise.all(
    resources.map((resource) => refresher.fresh(id, stale, resource ? { resource } : {})),
  )
  expect(seen).toEqual(['refresh-0', 'refresh-1', 'refresh-2'])
  const { accessTokens } = (await vault.readStored(id)) ?? stale
  expect(Object.values(accessTokens).map(({ value }) => value)).toEqual([
    'access-1',
    'access-2',
    'access-3',
  ])
})
