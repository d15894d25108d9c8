import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../config.ts'
import type { Refresher } from '../context.ts'
import { isOAuthError, OAuthError, type ErrorCode } from '../errors.ts'
import { emit } from '../events.ts'
import { checkContinuity, claimsOf } from '../id-token.ts'
import type { Provider } from '../provider.ts'
import type { AccessTokenOptions } from '../types.ts'
import { singleFlight } from './single-flight.ts'
import {
  isValidAt,
  mergeGrant,
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

/** To a visitor it is one thing that the provider fails or is silent: try again later. */
function retriable(error: OAuthError): OAuthError {
  if (!error.code.startsWith('ERR_PROVIDER_')) return error
  const { detail = error.code, retryAfter = 5 } = error
  return new OAuthError('ERR_TOKEN_REFRESH_FAILED', { detail, retryAfter })
}

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

  /** Takes the claim, or comes back with what its holder has stored. */
  const claimOrAdopt = async (attempt: Attempt, owner: string): Promise<TokenSet | 'claimed'> => {
    const deadline = Date.now() + patience
    let waited = false
    for (;;) {
      if (await vault.claim(attempt.id, owner, lease)) {
        emit('refresh.claimed', attempt.flow)
        return 'claimed'
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

  /** Runs `work` while the claim is kept alive, however slow the provider is. */
  const whileClaimed = async <T>(id: string, owner: string, work: () => Promise<T>): Promise<T> => {
    const heartbeat = setInterval(() => {
      // A lost claim is noticed by the compare-and-set; here it can only be tried again.
      vault.renew(id, owner, lease).catch(() => undefined)
    }, lease / 3)
    try {
      return await work()
    } finally {
      clearInterval(heartbeat)
    }
  }

  const across = async (attempt: Attempt): Promise<TokenSet> => {
    const pending = unsaved.get(attempt.id)
    if (pending) await pending
    const owner = randomBytes(16).toString('base64url')
    let claimed = true
    try {
      const adopted = await claimOrAdopt(attempt, owner)
      if (adopted !== 'claimed') return adoptedBy(attempt, adopted)
    } catch (error) {
      // With the lock down but the tokens readable, this process refreshes on its own.
      if (!isOAuthError(error) || error.code !== 'ERR_TOKEN_STORE_UNAVAILABLE') throw error
      claimed = false
    }
    try {
      return await whileClaimed(attempt.id, owner, () => refreshNow(attempt))
    } finally {
      // The lease ends by itself where the release does not arrive.
      if (claimed) await vault.release(attempt.id, owner).catch(() => undefined)
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
    if (!refreshToken || config.refresh === false) {
      throw expired('refresh: the provider has given no refresh token')
    }
    if (refreshExpiresAt !== undefined && refreshExpiresAt <= Date.now()) {
      throw expired('refresh: the refresh token has expired')
    }
    const grant = await ask(attempt, stored, refreshToken)
    if (!('accessToken' in grant)) return grant
    requireSamePerson(grant, stored)
    const next = await persistOrKeepTrying(attempt, stored, grant)
    await checkSignature(grant, attempt)
    return next
  }

  /** The provider's answer, or what somebody else stored while it refused. */
  const ask = async (
    { id, request, flow, ...rest }: Attempt,
    stored: TokenSet,
    refreshToken: string,
  ): Promise<Grant | TokenSet> => {
    emit('refresh.requested', flow, () => ({ facts: { version: stored.version } }))
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
      emit('refresh.persisted', attempt.flow, () => ({ facts: { version: next.version } }))
      return next
    }
    if (result === 'gone') return discard(grant)
    const newest = await readStored(attempt)
    // Same refresh token: an unrelated change came between, and this answer belongs on top of it.
    return newest.refreshToken === previous.refreshToken
      ? persist(attempt, newest, grant)
      : adoptedBy(attempt, newest)
  }

  /** The login ended while the provider was asked: what it gave must not outlive the login. */
  const discard = async ({ refreshToken }: Grant): Promise<never> => {
    if (refreshToken) await provider.revoke(refreshToken).catch(() => undefined)
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
      if (!isOAuthError(error) || error.code !== 'ERR_TOKEN_STORE_UNAVAILABLE') throw error
      const saving = keepTrying(attempt, previous, grant).finally(() => unsaved.delete(attempt.id))
      saving.catch(() => undefined) // Those who wait for it see the failure; nobody may be waiting.
      unsaved.set(attempt.id, saving)
      return Promise.race([saving, wait(config.timeout * 1000, undefined, { ref: false })]).then(
        (saved) => {
          if (saved) return saved
          throw error
        },
      )
    }
  }

  const keepTrying = async (attempt: Attempt, previous: TokenSet, grant: Grant) => {
    const deadline = Date.now() + persistFor
    for (;;) {
      await wait(persistInterval, undefined, { ref: false })
      try {
        return await persist(attempt, previous, grant)
      } catch (error) {
        const down = isOAuthError(error) && error.code === 'ERR_TOKEN_STORE_UNAVAILABLE'
        if (!down || Date.now() > deadline) throw error
      }
    }
  }

  const run = (attempt: Attempt): Promise<TokenSet> => {
    const { id, seen, key, request } = attempt
    const name = `${id}\n${seen.version}\n${key}\n${request.force ? 'force' : ''}`
    return flights.run(name, async () => {
      const started = Date.now()
      emit('refresh.started', attempt.flow, () => ({ facts: { version: seen.version } }))
      try {
        const tokenSet = await across(attempt)
        failures.delete(id)
        emit('refresh.completed', attempt.flow, () => ({ duration: Date.now() - started }))
        return tokenSet
      } catch (error) {
        throw noted(attempt, error, started)
      }
    })
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
      facts: { outcome, detail: error.detail },
    }))
    if (outcome === 'transient' || outcome === 'misconfigured') {
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
      const flow = randomBytes(9).toString('base64url')
      const attempt: Attempt = { id, seen: tokenSet, request, key, flow }
      if (!request.force && serves(tokenSet, attempt)) return tokenSet
      const known = failure(id)
      if (known) throw known
      return run(attempt)
    },
    refreshSoon(id, tokenSet) {
      if (failure(id) || !tokenSet.refreshToken || config.refresh === false) return
      const flow = randomBytes(9).toString('base64url')
      const request = { minTtl: secondsLeft(tokenSet) }
      // Nobody waits for this one; its failure is in the events and in `failure`.
      run({ id, seen: tokenSet, request, key: '', flow }).catch(() => undefined)
    },
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
