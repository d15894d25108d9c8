import type { Config } from '../options.ts'
import type { Refresher } from '../context.ts'
import { isOAuthError, OAuthError, type ErrorCode } from '../errors.ts'
import { emit, newFlow, type EventFacts } from '../events.ts'
import { checkContinuity, claimsOf } from '../id-token.ts'
import { digestOf, shapesOf } from '../mask.ts'
import type { Provider } from '../provider.ts'
import { keyedQueue } from '../stores/keyed-queue.ts'
import { adopted, expired, requireStored, serves, type Attempt } from './refresh-attempt.ts'
import { createClaims, isClaim } from './refresh-claim.ts'
import { createRefreshResults } from './refresh-result.ts'
import { singleFlight } from './single-flight.ts'
import { ownToken, scopeList, tokenKey, type Grant, type TokenSet } from './token-set.ts'
import type { TokenVault } from './token-vault.ts'

/** What a refresh came to. Only `dead` ends the login. */
export type Outcome = 'refreshed' | 'unchanged' | 'transient' | 'dead' | 'misconfigured'

/** After a failure nobody waits for the provider for so long. */
const backOff = 5_000
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

export function createRefresher(config: Config, vault: TokenVault, provider: Provider): Refresher {
  const claims = createClaims(config, vault)
  const results = createRefreshResults(config, vault, provider)
  const flights = singleFlight<TokenSet>()
  const failures = new Map<string, { readonly error: OAuthError; readonly until: number }>()
  const inTurn = keyedQueue()

  const failure = (id: string): OAuthError | undefined => {
    const known = failures.get(id)
    if (known && known.until > Date.now()) return known.error
    failures.delete(id)
    return undefined
  }

  const across = async (attempt: Attempt): Promise<TokenSet> => {
    const { id } = attempt
    const pending = results.unsaved(id)
    if (pending) await results.saved(pending)
    const claim = await claims.takeOrAdopt(attempt)
    if (!isClaim(claim)) return adopted(attempt, claim)
    const letGo = () => claim.release()
    try {
      return await refreshNow(attempt)
    } finally {
      const saving = results.unsaved(id)
      // Until the new tokens are stored, nobody else may spend the old one.
      if (saving) void saving.then(letGo, letGo)
      else await letGo()
    }
  }

  const refreshNow = async (attempt: Attempt): Promise<TokenSet> => {
    const stored = requireStored(await vault.readStored(attempt.id))
    if (serves(stored, attempt)) return adopted(attempt, stored)
    const { refreshToken, refreshExpiresAt } = stored
    if (!refreshToken) throw expired('the provider has given no refresh token')
    if (refreshExpiresAt !== undefined && refreshExpiresAt <= Date.now()) {
      throw expired('the refresh token has expired')
    }
    const grant = await ask(attempt, stored, refreshToken)
    if (!('accessToken' in grant)) return grant
    requireSamePerson(grant, stored)
    const next = await results.persist(attempt, stored, grant)
    // Nobody waits for the keys: what is wrong with them is in the events.
    void checkSignature(grant, attempt)
    return next
  }

  /** The provider's answer, or what somebody else stored while it refused. */
  const ask = async (
    attempt: Attempt,
    stored: TokenSet,
    refreshToken: string,
  ): Promise<Grant | TokenSet> => {
    const { id, request, flow } = attempt
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
      if (again && serves(again, attempt)) return again
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

  const run = (attempt: Attempt): Promise<TokenSet> => {
    const { id, seen, request } = attempt
    const name = `${id}\n${seen.version}\n${tokenKey(request)}\n${request.force ? 'force' : ''}`
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
    if (!isOAuthError(cause)) {
      emit('refresh.failed', flow, () => ({
        duration: Date.now() - started,
        facts: { outcome: 'transient', detail: 'an error that is not ours' },
      }))
      return cause
    }
    const outcome = outcomeOf(cause)
    const error = outcome === 'transient' ? retriable(cause) : cause
    error.flow ??= flow
    emit('refresh.failed', flow, () => ({
      duration: Date.now() - started,
      error: error.code,
      facts: { outcome, detail: error.detail, oauthError: error.oauthError },
    }))
    // Once they are stored, nobody has to wait for the tokens any longer.
    results.unsaved(id)?.then(
      () => failures.delete(id),
      () => undefined,
    )
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
      const wanted = { id, seen: tokenSet, request }
      if (!request.force && serves(tokenSet, wanted)) return tokenSet
      const known = failure(id)
      if (known) throw known
      if (config.refresh === false || !tokenSet.refreshToken) {
        throw expired('there is no refresh token, or refresh is turned off')
      }
      return run({ ...wanted, flow: newFlow() })
    },
    refreshSoon(id, tokenSet) {
      if (failure(id) || !tokenSet.refreshToken || config.refresh === false) return
      const request = { minTtl: secondsLeft(tokenSet) }
      // Nobody waits for this one; its failure is in the events and in `failure`.
      run({ id, seen: tokenSet, request, flow: newFlow() }).catch(() => undefined)
    },
  }
}

/** Why this refresh runs, for its event. */
function factsOf({ id, request, seen }: Attempt): EventFacts {
  const { expiresAt } = seen.accessTokens[tokenKey(request)] ?? {}
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
  const { expiresAt = 0 } = tokenSet.accessTokens[ownToken] ?? {}
  return Math.max(0, (expiresAt - Date.now()) / 1000) + 1
}
