import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it } from '@jest/globals'
import { UnsecuredJWT } from 'jose'
import { readConfig } from '../../lib/config.ts'
import type { OAuthOptions } from '../../lib/options.ts'
import { errorCodes, isOAuthError, OAuthError, type ErrorCode } from '../../lib/errors.ts'
import type { EventName, FlowEvent } from '../../lib/events.ts'
import type { Provider } from '../../lib/provider.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { createRefresher, outcomeOf } from '../../lib/tokens/refresh.ts'
import { softWindowOf } from '../../lib/tokens/soft-window.ts'
import {
  createTokenSet,
  mergeGrant,
  tokenKey,
  type Grant,
  type TokenSet,
} from '../../lib/tokens/token-set.ts'
import type { TokenStore } from '../../lib/tokens/token-store.ts'
import { createTokenVault } from '../../lib/tokens/token-vault.ts'
import type { TokenRequest } from '../../lib/types.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { createHold, type Hold } from '../support/hold.ts'

const issuer = 'https://idp.example.com'
const alice = { issuer, subject: 'alice', sid: undefined }
const hour = 3_600_000

const ended: (() => void)[] = []
afterEach(() => {
  for (const end of ended.splice(0)) end()
  resetClock()
})

function eventsOf(name: EventName) {
  const events: FlowEvent[] = []
  const waiting: (() => void)[] = []
  const collect = (event: unknown) => {
    events.push(event as FlowEvent)
    for (const go of waiting.splice(0)) go()
  }
  subscribe(`express-oauth-client:${name}`, collect)
  ended.push(() => unsubscribe(`express-oauth-client:${name}`, collect))
  const next = () => new Promise<void>((resolve) => void waiting.push(resolve))
  return { events, next }
}

/** A provider in this process; every answer is a new token, and refresh tokens rotate. */
function createFakeProvider() {
  const asked: { refreshToken: string; request: TokenRequest }[] = []
  const revoked: string[] = []
  const script = {
    error: undefined as Error | undefined,
    answer: {} as Partial<Grant>,
    hold: undefined as Hold | undefined,
    keys: undefined as OAuthError | undefined,
  }
  const provider: Partial<Provider> = {
    name: issuer,
    openid: true,
    about: () => ({}),
    async refresh(refreshToken, request) {
      asked.push({ refreshToken, request })
      const count = asked.length
      await script.hold?.pass()
      if (script.error) throw script.error
      return {
        accessToken: `access-${count}`,
        refreshToken: `refresh-${count}`,
        tokenType: 'bearer',
        expiresIn: 3600,
        requestedAt: Date.now(),
        ...script.answer,
      }
    },
    async verifySignature() {
      if (script.keys) throw script.keys
    },
    async revoke(token) {
      revoked.push(token)
      return true
    },
  }
  return { asked, revoked, script, provider: provider as Provider }
}

type Operation = Exclude<keyof TokenStore, 'close'>

/** A memory store whose operations can be taken away one by one. */
function createFragileStore() {
  const inner = memoryStore({ now: () => Date.now() })
  const down = new Set<Operation>()
  const store = new Proxy(inner, {
    get(target, name: Operation) {
      const method = target[name] as (...parameters: unknown[]) => unknown
      return async (...parameters: unknown[]) => {
        if (down.has(name)) throw new Error('connection lost')
        return method.apply(target, parameters)
      }
    },
  })
  return { store, down }
}

interface Setting {
  readonly options?: OAuthOptions
  readonly initial?: Partial<Grant>
}

/** One login, and what a process needs to keep its tokens fresh. */
async function signIn({ options, initial }: Setting = {}) {
  const fake = createFakeProvider()
  const { store, down } = createFragileStore()
  const config = readConfig({
    issuer,
    clientId: 'photo-editor',
    clientSecret: 'the-client-secret',
    baseUrl: 'https://app.example.com',
    secret: 'the-sealing-secret-of-at-least-32-characters',
    ...options,
  })
  const startProcess = () => {
    const vault = createTokenVault(config, store)
    return { vault, refresher: createRefresher(config, vault, fake.provider) }
  }
  const process = startProcess()
  const expired: Grant = {
    accessToken: 'access-0',
    refreshToken: 'refresh-0',
    tokenType: 'bearer',
    expiresIn: 3600,
    requestedAt: Date.now() - 2 * hour,
    ...initial,
  }
  const set = createTokenSet(expired, {
    scope: ['openid', 'photos'],
    subject: 'alice',
    expiresAt: Date.now() + 24 * hour,
  })
  const id = await process.vault.create(set, alice)
  const stored = () => startProcess().vault.readStored(id)
  return { ...fake, ...process, store, down, id, set, stored, startProcess }
}

const valid = { requestedAt: Date.now() }
const own = (set: TokenSet | undefined) => set?.accessTokens['']?.value
const api = { resource: 'https://api.example.com' }

async function failureOf(work: Promise<unknown>): Promise<OAuthError> {
  const error: unknown = await work.then(
    () => new Error('the refresh succeeded'),
    (reason: unknown) => reason,
  )
  if (isOAuthError(error)) return error
  throw error
}

describe('a token that is still valid', () => {
  it('is used as it is', async () => {
    const { asked, id, refresher, set } = await signIn({ initial: valid })
    expect(await refresher.fresh(id, set, {})).toBe(set)
    expect(asked).toEqual([])
  })

  it.each([
    [{ force: true }, 'forced'],
    [{ minTtl: 7200 }, 'soon'],
  ])('is refreshed with %j', async (request, reason) => {
    const { events } = eventsOf('refresh.started')
    const { asked, id, refresher, set } = await signIn({ initial: valid })
    expect(own(await refresher.fresh(id, set, request))).toBe('access-1')
    expect(asked).toHaveLength(1)
    expect(events[0]?.facts).toMatchObject({ reason })
  })

  it('whose provider named no end is used for ever', async () => {
    const { id, refresher, vault } = await signIn()
    const endless = {
      accessTokens: { '': { value: 'x', type: 'bearer', scope: [], obtainedAt: 0 } },
    }
    const set = { ...(await vault.read(id)), ...endless } as TokenSet
    expect(await refresher.fresh(id, set, { minTtl: 1e9 })).toBe(set)
  })
})

describe('an expired token', () => {
  it('is refreshed and stored before anybody gets it', async () => {
    const { asked, id, refresher, set, stored } = await signIn()
    const next = await refresher.fresh(id, set, {})
    expect(next).toMatchObject({ version: 2, refreshToken: 'refresh-1' })
    expect(own(next)).toBe('access-1')
    expect(asked).toEqual([{ refreshToken: 'refresh-0', request: {} }])
    expect(await stored()).toEqual(next)
  })

  it('is refreshed once for all requests of a process', async () => {
    const { asked, id, refresher, set } = await signIn()
    const results = await Promise.all(
      Array.from({ length: 100 }, () => refresher.fresh(id, set, {})),
    )
    expect(new Set(results.map(own))).toEqual(new Set(['access-1']))
    expect(asked).toHaveLength(1)
  })

  it('is refreshed once for all processes, which adopt what the first one got', async () => {
    const { asked, id, script, set, startProcess } = await signIn()
    const { events: adopted } = eventsOf('refresh.adopted')
    const { next: waited } = eventsOf('refresh.waited')
    script.hold = createHold()
    const somebodyWaits = waited()
    const results = Array.from({ length: 5 }, () => startProcess().refresher.fresh(id, set, {}))
    await script.hold.arrived
    await somebodyWaits
    script.hold.release()
    expect((await Promise.all(results)).map(own)).toEqual(
      Array.from({ length: 5 }, () => 'access-1'),
    )
    expect(asked).toHaveLength(1)
    expect(adopted).toHaveLength(4)
  })

  it('keeps what the answer leaves out', async () => {
    const { id, refresher, script, set } = await signIn({ initial: { idToken: 'id-0' } })
    script.answer = { refreshToken: undefined as never }
    const { refreshToken: _none, ...bare } = await refresher.fresh(id, set, {})
    expect(bare).toMatchObject({ idToken: 'id-0', scope: ['openid', 'photos'], subject: 'alice' })
    expect(_none).toBe('refresh-0')
  })

  it.each([
    ['no refresh token', { initial: { refreshToken: undefined as never } }],
    ['refresh turned off', { options: { refresh: false as const } }],
    ['a refresh token that has expired', { initial: { refreshExpiresIn: 60 } }],
  ])('cannot be refreshed with %s, and nobody is signed out', async (_title, setting) => {
    const { asked, id, refresher, set, stored } = await signIn(setting)
    expect(await failureOf(refresher.fresh(id, set, {}))).toMatchObject({
      code: 'ERR_LOGIN_EXPIRED',
      status: 401,
    })
    expect(asked).toEqual([])
    expect(await stored()).toBeDefined()
  })
})

describe('tokens for other resources and scopes', () => {
  it('are asked for by name and kept beside that of the login', async () => {
    const { asked, id, refresher, set } = await signIn({ initial: valid })
    const next = await refresher.fresh(id, set, api)
    expect(asked).toEqual([{ refreshToken: 'refresh-0', request: api }])
    expect(next.accessTokens[tokenKey(api)]?.value).toBe('access-1')
    expect(own(next)).toBe('access-0')
    expect(await refresher.fresh(id, next, api)).toBe(next)
  })

  it('take turns, since each of them spends the refresh token of the one before', async () => {
    const { asked, id, refresher, set, stored } = await signIn()
    await Promise.all([
      refresher.fresh(id, set, {}),
      refresher.fresh(id, set, api),
      refresher.fresh(id, set, { scope: 'photos' }),
    ])
    expect(asked.map(({ refreshToken }) => refreshToken)).toEqual([
      'refresh-0',
      'refresh-1',
      'refresh-2',
    ])
    const { accessTokens = {}, refreshToken } = (await stored()) ?? {}
    expect(Object.keys(accessTokens)).toHaveLength(3)
    expect(refreshToken).toBe('refresh-3')
  })

  it('that are refused cost neither the login nor its own token', async () => {
    const { id, refresher, script, set, stored } = await signIn()
    script.error = new OAuthError('ERR_TOKEN_REFUSED')
    expect(await failureOf(refresher.fresh(id, set, api))).toMatchObject({ status: 403 })
    expect(refresher.failure(id)).toBeUndefined()
    script.error = undefined
    expect(own(await refresher.fresh(id, set, {}))).toBe('access-2')
    expect(await stored()).toBeDefined()
  })
})

describe('what a failed refresh means', () => {
  it.each<[ErrorCode, string]>([
    ['ERR_LOGIN_EXPIRED', 'dead'],
    ['ERR_CLIENT_REJECTED', 'misconfigured'],
    ['ERR_ID_TOKEN_INVALID', 'misconfigured'],
    ['ERR_TOKEN_REFUSED', 'unchanged'],
    ['ERR_PROVIDER_TIMEOUT', 'transient'],
    ['ERR_PROVIDER_UNAVAILABLE', 'transient'],
    ['ERR_PROVIDER_FAILED', 'transient'],
    ['ERR_PROVIDER_RESPONSE_INVALID', 'transient'],
    ['ERR_TOKEN_STORE_UNAVAILABLE', 'transient'],
    ['ERR_TOKEN_REFRESH_FAILED', 'transient'],
  ])('is for %s: %s', (code, outcome) => {
    expect(outcomeOf(new OAuthError(code))).toBe(outcome)
  })

  it('is the end of the login for one code only', () => {
    const dead = errorCodes.filter((code) => outcomeOf(new OAuthError(code)) === 'dead')
    expect(dead).toEqual(['ERR_LOGIN_EXPIRED'])
  })

  it('ends the login when the provider says so', async () => {
    const { id, refresher, script, set, stored } = await signIn()
    const { events } = eventsOf('refresh.failed')
    script.error = new OAuthError('ERR_LOGIN_EXPIRED', { detail: 'refresh: invalid_grant' })
    expect(await failureOf(refresher.fresh(id, set, {}))).toMatchObject({
      code: 'ERR_LOGIN_EXPIRED',
      flow: events[0]?.flow,
    })
    expect(events[0]).toMatchObject({ error: 'ERR_LOGIN_EXPIRED', facts: { outcome: 'dead' } })
    expect(await stored()).toBeUndefined()
  })

  it.each<ErrorCode>([
    'ERR_PROVIDER_TIMEOUT',
    'ERR_PROVIDER_UNAVAILABLE',
    'ERR_PROVIDER_FAILED',
    'ERR_PROVIDER_RESPONSE_INVALID',
  ])('is a reason to try again later for %s, and for a while nobody waits', async (code) => {
    const { asked, id, refresher, script, set, stored } = await signIn()
    script.error = new OAuthError(code, { detail: 'refresh: it failed', retryAfter: 7 })
    const failure = await failureOf(refresher.fresh(id, set, {}))
    expect(failure).toMatchObject({
      code: 'ERR_TOKEN_REFRESH_FAILED',
      status: 503,
      detail: 'refresh: it failed',
      retryAfter: 7,
    })
    expect(refresher.failure(id)).toBe(failure)
    expect(await failureOf(refresher.fresh(id, set, {}))).toBe(failure)
    expect(await failureOf(refresher.fresh(id, set, { force: true }))).toBe(failure)
    expect(asked).toHaveLength(1)
    expect(await stored()).toEqual(set)

    script.error = undefined
    advanceClock(5000)
    expect(refresher.failure(id)).toBeUndefined()
    expect(own(await refresher.fresh(id, set, {}))).toBe('access-2')
  })

  it("is the operator's to mend when the client is refused; sessions stay", async () => {
    const { id, refresher, script, set, stored } = await signIn()
    script.error = new OAuthError('ERR_CLIENT_REJECTED', { detail: 'refresh: invalid_client' })
    expect(await failureOf(refresher.fresh(id, set, {}))).toMatchObject({
      code: 'ERR_CLIENT_REJECTED',
      status: 500,
    })
    expect(refresher.failure(id)).toMatchObject({ code: 'ERR_CLIENT_REJECTED' })
    expect(await stored()).toEqual(set)
  })

  it('of one login is no failure of another', async () => {
    const { id, refresher, script, set, vault } = await signIn()
    const other = await vault.create(set, alice)
    script.error = new OAuthError('ERR_PROVIDER_TIMEOUT')
    await failureOf(refresher.fresh(id, set, {}))
    script.error = undefined
    expect(own(await refresher.fresh(other, set, {}))).toBe('access-2')
  })

  it('that is none of ours is told as it is, and the flow has an end', async () => {
    const { id, refresher, script, set } = await signIn()
    const { events } = eventsOf('refresh.failed')
    script.error = new TypeError('a bug somewhere')
    await expect(refresher.fresh(id, set, {})).rejects.toBe(script.error)
    expect(events).toMatchObject([{ facts: { outcome: 'transient' } }])
    expect(JSON.stringify(events)).not.toContain('a bug')
  })

  it('is told to all who waited', async () => {
    const { asked, id, refresher, script, set } = await signIn()
    script.error = new OAuthError('ERR_PROVIDER_TIMEOUT')
    const failures = await Promise.all(
      Array.from({ length: 20 }, () => failureOf(refresher.fresh(id, set, {}))),
    )
    expect(new Set(failures).size).toBe(1)
    expect(asked).toHaveLength(1)
  })
})

describe('another process that was faster', () => {
  /** Stores a newer version while the provider is asked. */
  async function meanwhile(change: (set: TokenSet) => TokenSet) {
    const setting = await signIn()
    const { id, refresher, script, set, startProcess } = setting
    script.hold = createHold()
    const work = refresher.fresh(id, set, {})
    await script.hold.arrived
    await startProcess().vault.replace(id, set, change(set))
    script.hold.release()
    return { ...setting, work }
  }
  const theirs: Grant = {
    accessToken: 'access-theirs',
    refreshToken: 'refresh-theirs',
    tokenType: 'bearer',
    expiresIn: 3600,
    requestedAt: Date.now(),
  }

  it('and spent the refresh token is no reason to end the login', async () => {
    const { script, stored, work } = await meanwhile((set) => mergeGrant(set, theirs, {}))
    script.error = new OAuthError('ERR_LOGIN_EXPIRED', { detail: 'refresh: invalid_grant' })
    expect(own(await work)).toBe('access-theirs')
    expect(own(await stored())).toBe('access-theirs')
  })

  it('and spent it for another resource is a reason to try again', async () => {
    const { script, stored, work } = await meanwhile((set) => mergeGrant(set, theirs, api))
    script.error = new OAuthError('ERR_LOGIN_EXPIRED', { detail: 'refresh: invalid_grant' })
    expect(await failureOf(work)).toMatchObject({ code: 'ERR_TOKEN_REFRESH_FAILED', retryAfter: 1 })
    expect((await stored())?.refreshToken).toBe('refresh-theirs')
  })

  it('and stored its tokens is adopted', async () => {
    const { stored, work } = await meanwhile((set) => mergeGrant(set, theirs, {}))
    expect(own(await work)).toBe('access-theirs')
    expect((await stored())?.refreshToken).toBe('refresh-theirs')
  })

  it('and changed something else loses nothing, and costs nothing', async () => {
    const { refreshToken: _none, ...unrelated } = theirs
    const key = tokenKey(api)
    const { stored, work } = await meanwhile((set) => mergeGrant(set, unrelated, api))
    expect(own(await work)).toBe('access-1')
    expect(await stored()).toMatchObject({
      version: 3,
      refreshToken: 'refresh-1',
      accessTokens: { '': { value: 'access-1' }, [key]: { value: 'access-theirs' } },
    })
  })

  it.each<[string, string, string, string[]]>([
    ['a logout', 'here', 'nobody', ['refresh-1']],
    ['a logout', 'elsewhere', 'nobody', ['refresh-1']],
    ['a logout of one of two devices', 'here', 'alice', []],
    // What providers revoke with it would be the tokens of the new login.
    ['a new login', 'elsewhere', 'alice', []],
    ['a logout while somebody else is there', 'here', 'bob', ['refresh-1']],
  ])('and ended it by %s %s is not undone', async (_title, where, other, expected) => {
    const { id, provider, refresher, revoked, script, set, startProcess, stored, vault } =
      await signIn()
    script.hold = createHold()
    const work = refresher.fresh(id, set, {})
    await script.hold.arrived
    const person = { issuer: provider.name, subject: other, sid: undefined }
    await vault.create({ ...set, subject: other }, person)
    await (where === 'here' ? vault : startProcess().vault).remove(id)
    script.hold.release()
    expect(await failureOf(work)).toMatchObject({ code: 'ERR_LOGIN_EXPIRED' })
    expect(revoked).toEqual(expected)
    expect(await stored()).toBeUndefined()
  })

  it('and died with the claim is waited for until its lease has run out', async () => {
    const { asked, id, refresher, set, vault } = await signIn()
    const { next: waited } = eventsOf('refresh.waited')
    await vault.claim(id, 'a process that died', 15_000)
    const waiting = waited()
    const work = refresher.fresh(id, set, {})
    await waiting
    expect(asked).toEqual([])
    advanceClock(15_000)
    expect(own(await work)).toBe('access-1')
  })

  it('and never comes to an end is waited for no longer than it can take', async () => {
    const { asked, id, refresher, set, vault } = await signIn()
    const { next: waited } = eventsOf('refresh.waited')
    await vault.claim(id, 'a process that hangs', hour)
    const waiting = waited()
    const work = failureOf(refresher.fresh(id, set, {}))
    await waiting
    advanceClock(24_000)
    expect(await work).toMatchObject({ code: 'ERR_TOKEN_REFRESH_FAILED', retryAfter: 1 })
    expect(asked).toEqual([])
  })
})

describe('a store that fails', () => {
  it('while tokens are stored does not lose them: they are stored when it is back', async () => {
    const { asked, down, id, refresher, set, stored } = await signIn()
    const { next: failed } = eventsOf('store.failed')
    down.add('replace')
    const outage = failed()
    const work = refresher.fresh(id, set, {})
    await outage
    down.clear()
    expect(own(await work)).toBe('access-1')
    expect(await stored()).toMatchObject({ version: 2, refreshToken: 'refresh-1' })
    expect(asked).toHaveLength(1)
  })

  it('for longer than anybody waits is an outage, and the tokens are stored after it', async () => {
    const { asked, down, id, refresher, set, stored } = await signIn({ options: { timeout: 0.3 } })
    const { next: persisted } = eventsOf('refresh.persisted')
    down.add('replace')
    expect(await failureOf(refresher.fresh(id, set, {}))).toMatchObject({
      code: 'ERR_TOKEN_STORE_UNAVAILABLE',
      status: 503,
    })
    const later = persisted()
    down.clear()
    await later
    expect(await stored()).toMatchObject({ version: 2, refreshToken: 'refresh-1' })
    expect(own(await refresher.fresh(id, set, {}))).toBe('access-1')
    expect(asked).toHaveLength(1)
  })

  it('keeps other processes from spending the old refresh token meanwhile', async () => {
    const setting = await signIn({ options: { timeout: 0.3 } })
    const { asked, down, id, refresher, set, startProcess } = setting
    const { next: persisted } = eventsOf('refresh.persisted')
    const { next: waited } = eventsOf('refresh.waited')
    down.add('replace')
    await failureOf(refresher.fresh(id, set, {}))
    const waiting = waited()
    const other = startProcess().refresher.fresh(id, set, {})
    await waiting
    const later = persisted()
    down.clear()
    await later
    expect(own(await other)).toBe('access-1')
    expect(asked).toHaveLength(1)
  })

  it('altogether keeps the refresh token from being spent', async () => {
    const { asked, down, id, refresher, set } = await signIn()
    for (const name of ['read', 'replace', 'claim'] as const) down.add(name)
    expect(await failureOf(refresher.fresh(id, set, {}))).toMatchObject({
      code: 'ERR_TOKEN_STORE_UNAVAILABLE',
    })
    expect(asked).toEqual([])
  })

  it('to lock, and takes writes, is used without its lock: once for this process', async () => {
    const { asked, down, id, refresher, set, stored } = await signIn()
    down.add('claim')
    const results = await Promise.all(
      Array.from({ length: 20 }, () => refresher.fresh(id, set, {})),
    )
    expect(new Set(results.map(own))).toEqual(new Set(['access-1']))
    expect(asked).toHaveLength(1)
    expect((await stored())?.refreshToken).toBe('refresh-1')
  })

  it('to lock lets no two requests of this process spend one refresh token', async () => {
    const { asked, down, id, refresher, set } = await signIn()
    down.add('claim')
    await Promise.all([{}, api, { scope: 'photos' }].map((one) => refresher.fresh(id, set, one)))
    const spent = asked.map(({ refreshToken }) => refreshToken)
    expect(spent).toEqual(['refresh-0', 'refresh-1', 'refresh-2'])
  })

  it('to release the lock costs nobody the tokens', async () => {
    const { down, id, refresher, set } = await signIn()
    down.add('release')
    expect(own(await refresher.fresh(id, set, {}))).toBe('access-1')
  })
})

describe('the ID token of a refresh', () => {
  const idTokenOf = (claims: Record<string, unknown>) =>
    new UnsecuredJWT({ iss: issuer, sub: 'alice', aud: 'photo-editor', ...claims }).encode()

  it('replaces the one before', async () => {
    const { id, refresher, script, set } = await signIn({ initial: { idToken: idTokenOf({}) } })
    const idToken = idTokenOf({ iat: 1 })
    script.answer = { idToken }
    expect((await refresher.fresh(id, set, {})).idToken).toBe(idToken)
  })

  it.each([[{ sub: 'bob' }], [{ iss: 'https://evil.example' }], [{ aud: 'another' }]])(
    'with %j is refused, and nothing of the answer is stored',
    async (claims) => {
      const { id, refresher, script, set, stored } = await signIn({
        initial: { idToken: idTokenOf({}) },
      })
      script.answer = { idToken: idTokenOf(claims) }
      expect(await failureOf(refresher.fresh(id, set, {}))).toMatchObject({
        code: 'ERR_ID_TOKEN_INVALID',
      })
      expect(await stored()).toEqual(set)
    },
  )

  it('whose signature cannot be checked does not cost the tokens that came with it', async () => {
    const { next: warned, events } = eventsOf('warning')
    const { id, refresher, script, set, stored } = await signIn({
      initial: { idToken: idTokenOf({}) },
    })
    script.answer = { idToken: idTokenOf({}) }
    script.keys = new OAuthError('ERR_PROVIDER_FAILED')
    const warning = warned()
    expect(own(await refresher.fresh(id, set, {}))).toBe('access-1')
    await warning
    expect(events[0]).toMatchObject({
      error: 'ERR_PROVIDER_FAILED',
      facts: { warning: 'WARN_REFRESHED_ID_TOKEN_UNVERIFIED' },
    })
    expect((await stored())?.refreshToken).toBe('refresh-1')
  })
})

describe('a refresh behind the requests', () => {
  const aboutToExpire = () => ({ requestedAt: Date.now() - hour + 30_000 })

  it('is stored for the requests that follow, and runs once', async () => {
    const { asked, id, refresher, set, stored } = await signIn({ initial: aboutToExpire() })
    const { next: completed } = eventsOf('refresh.completed')
    const done = completed()
    for (let request = 0; request < 20; request += 1) refresher.refreshSoon(id, set)
    await done
    expect(own(await stored())).toBe('access-1')
    expect(asked).toHaveLength(1)
  })

  it('that fails is noted, disturbs nobody and is not tried at once again', async () => {
    const { asked, id, refresher, script, set } = await signIn({ initial: aboutToExpire() })
    const { next: failed } = eventsOf('refresh.failed')
    script.error = new OAuthError('ERR_PROVIDER_TIMEOUT')
    const failure = failed()
    refresher.refreshSoon(id, set)
    await failure
    expect(refresher.failure(id)).toMatchObject({ code: 'ERR_TOKEN_REFRESH_FAILED' })
    refresher.refreshSoon(id, set)
    expect(await refresher.fresh(id, set, {})).toBe(set)
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['without a refresh token', { initial: { refreshToken: undefined as never } }],
    ['when it is turned off', { options: { refresh: false as const } }],
  ])('does not run %s', async (_title, setting) => {
    const { events } = eventsOf('refresh.started')
    const { id, refresher, set } = await signIn(setting)
    refresher.refreshSoon(id, set)
    expect(events).toEqual([])
  })

  it.each([
    [3600, 60, 0, 30_000],
    [3600, 60, 1, 60_000],
    [60, 60, 1, 12_000],
    [10, 60, 0, 1000],
    [3600, 0, 1, 0],
  ])(
    'begins for a token of %d s and a window of %d s with jitter %d: %d ms before its end',
    (...one) => {
      const [lifetime, softWindow, jitter, expected] = one
      const token = {
        value: 'x',
        type: 'bearer',
        scope: [],
        obtainedAt: 0,
        expiresAt: lifetime * 1000,
      }
      expect(softWindowOf(token, softWindow, jitter)).toBe(expected)
    },
  )
})
