import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../options.ts'
import type { Refresher } from '../context.ts'
import { isOAuthError, OAuthError, type ErrorCode } from '../errors.ts'
import { emit, newFlow, type EventFacts } from '../events.ts'
import { checkContinuity, claimsOf } from '../id-token.ts'
import { digestOf, shapesOf } from '../mask.ts'
import type { Provider } from '../provider.ts'
import { keyedQueue } from '../stores/keyed-queue.ts'
import type { AccessTokenOptions } from '../types.ts'
import { singleFlight } from './single-flight.ts'
import {
  grantShapes,
  isValidAt,
  mergeGrant,
  scopeList,
  tokenKey,
  type AccessToken,
  type Grant,
  type TokenSet,
} from './token-set.ts'
import type { TokenVault } from './token-vault.ts'

/** What a refresh came to. Only `dead` ends the login. */
export type Outcome = 'refreshed' | 'unchanged' | 'transient' | 'dead' | 'misconfigured'

/** After a failure nobody waits for the provider for so long. */
const backOff = 5_000
/** Those who wait for another process look this often, with jitter. */
const pollInterval = 40
/** A token set that the store would not take is offered again until then. */
const persistFor = 10 * 60_000
const persistInterval = 250
const maxFailures = 10_000

const outcomes: Partial<Record<ErrorCode, Outcome>> = {
  ERR_LOGIN_EXPIRED: 'dead',
  ERR_CLIENT_REJECTED: 'misconfigured',
  ERR_ID_TOKEN_INVALID: 'misconfigured',
  ERR_TOKEN_REFUSED: 'unchanged',
}

export const outcomeOf = (error: OAuthError): Outcome => outcomes[error.code] ?? 'transient'

const isStoreOutage = (error: unknown): error is OAuthError =>
  isOAuthError(error) && error.code === 'ERR_TOKEN_STORE_UNAVAILABLE'

/** To a visitor it is one thing that the provider fails or is silent: try again later. */
function retriable(error: OAuthError): OAuthError {
  if (!error.code.startsWith('ERR_PROVIDER_')) return error
  const { detail = error.code, retryAfter = 5 } = error
  return new OAuthError('ERR_TOKEN_REFRESH_FAILED', { detail, retryAfter })
}

/** What came of asking for the lock of a token set. */
type Claim = 'taken' | 'held' | 'down'

interface Attempt {
  readonly id: string
  readonly seen: TokenSet
  readonly request: AccessTokenOptions
  readonly key: string
  readonly flow: string
}

export function createRefresher(config: Config, vault: TokenVault, provider: Provider): Refresher {
  const settings = config.refresh || { softWindow: 0, lease: 15 }
  const lease = settings.lease * 1000
  const patience = config.timeout * 1000 + lease
  const flights = singleFlight<TokenSet>()
  const failures = new Map<string, { readonly error: OAuthError; readonly until: number }>()
  const unsaved = new Map<string, Promise<TokenSet>>()
  const inTurn = keyedQueue()

  const failure = (id: string): OAuthError | undefined => {
    const known = failures.get(id)
    if (known && known.until > Date.now()) return known.error
    failures.delete(id)
    return undefined
  }

  /** Whether `stored` already has what is wanted, because somebody else was faster. */
  const serves = (stored: TokenSet, { seen, request, key }: Attempt): boolean => {
    const token = stored.accessTokens[key]
    if (!isValidAt(token, Date.now() + (request.minTtl ?? 0) * 1000)) return false
    return !request.force || token.value !== seen.accessTokens[key]?.value
  }

  const expired = (detail: string) => new OAuthError('ERR_LOGIN_EXPIRED', { detail })

  const readStored = async ({ id }: Attempt): Promise<TokenSet> => {
    const stored = await vault.readStored(id)
    if (stored) return stored
    throw expired('refresh: the login has ended in the meantime')
  }

  /** `down`: the store takes writes, and yet nobody can have its lock. */
  const takeClaim = async (attempt: Attempt, owner: string): Promise<Claim> => {
    const claim = async () => ((await vault.claim(attempt.id, owner, lease)) ? 'taken' : 'held')
    try {
      return await claim()
    } catch (error) {
      if (!isStoreOutage(error)) throw error
      await requireWrites(attempt, error)
      // Whoever holds the claim may have outlived the outage, so the lock is asked once more.
      return claim().catch(() => 'down')
    }
  }

  /** A token must not be spent while its successor could not be stored. */
  const requireWrites = async (attempt: Attempt, outage: OAuthError) => {
    const stored = await readStored(attempt)
    const touched = { ...stored, version: stored.version + 1 }
    if ((await vault.replace(attempt.id, stored, touched)) !== 'ok') throw outage
  }

  /** Takes the claim, or comes back with what its holder has stored. */
  const claimOrAdopt = async (
    attempt: Attempt,
    owner: string,
  ): Promise<TokenSet | Exclude<Claim, 'held'>> => {
    const deadline = Date.now() + patience
    let waited = false
    for (;;) {
      const claim = await takeClaim(attempt, owner)
      if (claim !== 'held') {
        if (claim === 'taken') emit('refresh.claimed', attempt.flow)
        return claim
      }
      if (!waited) emit('refresh.waited', attempt.flow)
      waited = true
      await wait(pollInterval * (0.5 + Math.random()))
      const stored = await readStored(attempt)
      if (serves(stored, attempt)) return stored
      if (Date.now() > deadline) {
        throw new OAuthError('ERR_TOKEN_REFRESH_FAILED', {
          detail: 'refresh: another process has been refreshing this token for too long',
          retryAfter: 1,
        })
      }
    }
  }

  /** Keeps the claim alive, however slow the provider is; the result lets it go. */
  const holdClaim = (id: string, owner: string): (() => Promise<void>) => {
    // Taken anew rather than renewed, because a store that was restarted may have forgotten it.
    const heartbeat = setInterval(() => {
      vault.claim(id, owner, lease).catch(() => undefined)
    }, lease / 3).unref()
    return async () => {
      clearInterval(heartbeat)
      // The lease ends by itself where the release does not arrive.
      await vault.release(id, owner).catch(() => undefined)
    }
  }

  const across = async (attempt: Attempt): Promise<TokenSet> => {
    const { id } = attempt
    const pending = unsaved.get(id)
    if (pending) await saved(pending)
    const owner = randomBytes(16).toString('base64url')
    const claim = await claimOrAdopt(attempt, owner)
    if (typeof claim === 'object') return adoptedBy(attempt, claim)
    if (claim === 'down') return refreshNow(attempt)
    const letGo = holdClaim(id, owner)
    try {
      return await refreshNow(attempt)
    } finally {
      const saving = unsaved.get(id)
      // Until the new tokens are stored, nobody else may spend the old one.
      if (saving) void saving.then(letGo, letGo)
      else await letGo()
    }
  }

  const adoptedBy = ({ flow }: Attempt, tokenSet: TokenSet): TokenSet => {
    emit('refresh.adopted', flow, () => ({ facts: { version: tokenSet.version } }))
    return tokenSet
  }

  const refreshNow = async (attempt: Attempt): Promise<TokenSet> => {
    const stored = await readStored(attempt)
    if (serves(stored, attempt)) return adoptedBy(attempt, stored)
    const { refreshToken, refreshExpiresAt } = stored
    if (!refreshToken) throw expired('refresh: the provider has given no refresh token')
    if (refreshExpiresAt !== undefined && refreshExpiresAt <= Date.now()) {
      throw expired('refresh: the refresh token has expired')
    }
    const grant = await ask(attempt, stored, refreshToken)
    if (!('accessToken' in grant)) return grant
    requireSamePerson(grant, stored)
    const next = await persistOrKeepTrying(attempt, stored, grant)
    // Nobody waits for the keys: what is wrong with them is in the events.
    void checkSignature(grant, attempt)
    return next
  }

  /** The provider's answer, or what somebody else stored while it refused. */
  const ask = async (
    { id, request, flow, ...rest }: Attempt,
    stored: TokenSet,
    refreshToken: string,
  ): Promise<Grant | TokenSet> => {
    emit('refresh.requested', flow, () => ({
      facts: {
        ...provider.about('token_endpoint'),
        version: stored.version,
        parameters: shapesOf([
          ['grant_type', 'refresh_token'],
          ['refresh_token', refreshToken],
          ['resource', request.resource],
          ['scope', request.scope && scopeList(request.scope).join(' ')],
        ]),
      },
    }))
    try {
      return await provider.refresh(refreshToken, request)
    } catch (error) {
      if (!isOAuthError(error) || outcomeOf(error) !== 'dead') throw error
      // One more look: a process whose claim had run out may have spent the token first.
      const again = await vault.readStored(id)
      if (again && serves(again, { id, request, flow, ...rest })) return again
      if (again && again.refreshToken !== refreshToken) {
        throw new OAuthError('ERR_TOKEN_REFRESH_FAILED', {
          detail: 'refresh: the token was replaced in the meantime',
          retryAfter: 1,
        })
      }
      await vault.remove(id)
      throw error
    }
  }

  const requireSamePerson = (grant: Grant, stored: TokenSet) => {
    if (!grant.idToken || !stored.idToken || !provider.openid) return
    const { iss = '' } = claimsOf(stored.idToken)
    const { clientId } = config
    checkContinuity(grant.idToken, { issuer: iss, clientId, subject: stored.subject })
  }

  /** The tokens are stored by now; a failing key set must not cost them. */
  const checkSignature = async ({ idToken }: Grant, { flow }: Attempt) => {
    if (!idToken || !provider.openid) return
    try {
      await provider.verifySignature(idToken)
    } catch (error) {
      emit('warning', flow, () => ({
        ...(isOAuthError(error) ? { error: error.code } : {}),
        facts: { warning: 'WARN_REFRESHED_ID_TOKEN_UNVERIFIED' },
      }))
    }
  }

  const persist = async (attempt: Attempt, previous: TokenSet, grant: Grant): Promise<TokenSet> => {
    const next = mergeGrant(previous, grant, attempt.key)
    const result = await vault.replace(attempt.id, previous, next)
    if (result === 'ok') {
      emit('refresh.persisted', attempt.flow, () => ({
        facts: {
          version: next.version,
          rotated: grant.refreshToken !== undefined,
          expiresIn: grant.expiresIn,
          parameters: grantShapes(grant),
        },
      }))
      return next
    }
    if (result === 'gone') return discard(grant)
    const newest = await readStored(attempt)
    // Same refresh token: an unrelated change came between, and this answer belongs on top of it.
    if (newest.refreshToken === previous.refreshToken) return persist(attempt, newest, grant)
    if (serves(newest, attempt)) return adoptedBy(attempt, newest)
    const { refreshToken: _replaced, ...rest } = grant
    return persist(attempt, newest, rest)
  }

  /** The login ended while the provider was asked: what it gave must not outlive the login. */
  const discard = async ({ refreshToken }: Grant): Promise<never> => {
    const unwanted = config.logout.revoke && refreshToken
    if (unwanted) await provider.revoke(unwanted).catch(() => undefined)
    throw expired('refresh: the login has ended in the meantime')
  }

  /** A store that is down for the moment must not cost a rotated refresh token. */
  const persistOrKeepTrying = async (
    attempt: Attempt,
    previous: TokenSet,
    grant: Grant,
  ): Promise<TokenSet> => {
    try {
      return await persist(attempt, previous, grant)
    } catch (error) {
      if (!isStoreOutage(error)) throw error
      const { id } = attempt
      const saving = keepTrying(attempt, previous, grant).finally(() => {
        unsaved.delete(id)
        failures.delete(id)
      })
      saving.catch(() => undefined) // Those who wait for it see the failure; nobody may be waiting.
      unsaved.set(id, saving)
      return saved(saving)
    }
  }

  /** Waits for tokens that the store would not take; an outage when it takes too long. */
  const saved = async (saving: Promise<TokenSet>): Promise<TokenSet> => {
    const limit = wait(config.timeout * 1000, undefined, { ref: false })
    const tokenSet = await Promise.race([saving, limit])
    if (tokenSet) return tokenSet
    throw new OAuthError('ERR_TOKEN_STORE_UNAVAILABLE', {
      detail: 'refresh: the new tokens are kept in memory until the token store takes them',
      retryAfter: 5,
    })
  }

  const keepTrying = async (attempt: Attempt, previous: TokenSet, grant: Grant) => {
    const deadline = Date.now() + persistFor
    for (;;) {
      await wait(persistInterval, undefined, { ref: false })
      try {
        return await persist(attempt, previous, grant)
      } catch (error) {
        if (!isStoreOutage(error) || Date.now() > deadline) throw error
      }
    }
  }

  const run = (attempt: Attempt): Promise<TokenSet> => {
    const { id, seen, key, request } = attempt
    const name = `${id}\n${seen.version}\n${key}\n${request.force ? 'force' : ''}`
    // Tokens for other resources and scopes come from the same refresh token, so they take turns.
    return flights.run(name, () => inTurn(id, () => attemptNow(attempt)))
  }

  const attemptNow = async (attempt: Attempt): Promise<TokenSet> => {
    const { id, flow } = attempt
    const known = failure(id)
    if (known) throw known
    const started = Date.now()
    emit('refresh.started', flow, () => ({ facts: factsOf(attempt) }))
    try {
      const tokenSet = await across(attempt)
      failures.delete(id)
      emit('refresh.completed', flow, () => ({ duration: Date.now() - started }))
      return tokenSet
    } catch (error) {
      throw noted(attempt, error, started)
    }
  }

  /** Publishes the failure and remembers it for the back-off. */
  const noted = ({ id, flow }: Attempt, cause: unknown, started: number): unknown => {
    if (!isOAuthError(cause)) return cause
    const outcome = outcomeOf(cause)
    const error = outcome === 'transient' ? retriable(cause) : cause
    error.flow ??= flow
    emit('refresh.failed', flow, () => ({
      duration: Date.now() - started,
      error: error.code,
      facts: { outcome, detail: error.detail, oauthError: error.oauthError },
    }))
    if (outcome !== 'unchanged') {
      failures.set(id, { error, until: Date.now() + backOff })
      const [oldest] = failures.keys()
      if (failures.size > maxFailures && oldest) failures.delete(oldest)
    }
    return error
  }

  return {
    failure,
    async fresh(id, tokenSet, request) {
      const key = tokenKey(request)
      const flow = newFlow()
      const attempt: Attempt = { id, seen: tokenSet, request, key, flow }
      if (!request.force && serves(tokenSet, attempt)) return tokenSet
      const known = failure(id)
      if (known) throw known
      if (config.refresh === false || !tokenSet.refreshToken) {
        throw expired('refresh: there is no refresh token, or refresh is turned off')
      }
      return run(attempt)
    },
    refreshSoon(id, tokenSet) {
      if (failure(id) || !tokenSet.refreshToken || config.refresh === false) return
      const flow = newFlow()
      const request = { minTtl: secondsLeft(tokenSet) }
      // Nobody waits for this one; its failure is in the events and in `failure`.
      run({ id, seen: tokenSet, request, key: '', flow }).catch(() => undefined)
    },
  }
}

/** Why this refresh runs, for its event. */
function factsOf({ id, key, request, seen }: Attempt): EventFacts {
  const { expiresAt } = seen.accessTokens[key] ?? {}
  const left = expiresAt === undefined ? undefined : Math.round((expiresAt - Date.now()) / 1000)
  const early = left !== undefined && left > 0
  return {
    tokenSet: digestOf(id),
    version: seen.version,
    reason: request.force ? 'forced' : early ? 'soon' : 'expired',
    ...(left === undefined ? {} : { expiresIn: left }),
    ...(request.resource ? { resource: request.resource } : {}),
  }
}

/** One more second than the token has left, so that only a newer token will do. */
function secondsLeft(tokenSet: TokenSet): number {
  const { expiresAt = 0 } = tokenSet.accessTokens[''] ?? {}
  return Math.max(0, (expiresAt - Date.now()) / 1000) + 1
}

/**
 * Milliseconds before expiry from which a refresh runs behind the requests: at most a fifth of the
 * token's life, and different for every token set, so that processes do not all start at once.
 */
export function softWindowOf(token: AccessToken, softWindow: number, jitter: number): number {
  const lifetime = (token.expiresAt ?? Infinity) - token.obtainedAt
  return Math.min(softWindow * 1000, lifetime / 5) * (0.5 + jitter / 2)
}
