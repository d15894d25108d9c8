import { compactVerify, createLocalJWKSet, decodeJwt, decodeProtectedHeader } from 'jose'
import type { CompactVerifyGetKey, JSONWebKeySet, JWTPayload } from 'jose'
import { OAuthError } from './errors.ts'
import { emit } from './events.ts'
import { lastGood } from './last-good.ts'
import { printable } from './printable.ts'
import { translateProviderError } from './provider-errors.ts'
import type { ProviderFetch } from './provider-http.ts'
import type { UserClaims } from './types.ts'

const keysMaxAge = 10 * 60_000
const keysRetry = 30_000

/** Unknown key ids may cause this many extra fetches at once, and one more per interval. */
const extraFetches = 5
const extraFetchInterval = 30_000

/** No real ID token comes near; refusing early keeps a hostile one from costing work. */
const maxTokenLength = 64 * 1024

export interface IdTokenVerifier {
  /**
   * Resolves when the signature is right; the claims are checked elsewhere.
   *
   * @param algorithms The allow-list of `alg` values, where it is not that of ID tokens.
   */
  verifySignature(token: string, algorithms?: readonly string[]): Promise<void>
}

interface Keys {
  readonly jwksUri: string | undefined
  readonly fetch: ProviderFetch
  /** The allow-list of `alg` values of ID tokens. */
  readonly algorithms: readonly string[]
  /** The key of HS256 and its kin, which are used only where the app asked for them. */
  readonly clientSecret: () => Promise<string>
}

const invalid = (detail: string) =>
  new OAuthError('ERR_ID_TOKEN_INVALID', { detail: `id_token: ${detail}` })

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code
}

/**
 * Signature checks with the provider's keys. They are fetched once for many parallel logins, and
 * again at once when a token names a key that is not there, so that a rotation is not felt.
 */
export function createIdTokenVerifier({
  jwksUri,
  fetch,
  algorithms,
  clientSecret,
}: Keys): IdTokenVerifier {
  let allowance = extraFetches
  let allowanceAt = Date.now()

  const load = async (): Promise<CompactVerifyGetKey> => {
    if (!jwksUri) throw invalid("the provider's metadata has no jwks_uri to verify signatures with")
    const started = Date.now()
    emit('jwks.requested', 'keys', () => ({ facts: { endpoint: jwksUri } }))
    try {
      const response = await fetch(jwksUri, { headers: { accept: 'application/json' } })
      if (response.status !== 200) {
        throw new OAuthError('ERR_PROVIDER_FAILED', {
          detail: `keys: ${jwksUri} answered ${response.status}`,
          retryAfter: 5,
        })
      }
      const keys = createLocalJWKSet((await response.json()) as JSONWebKeySet)
      emit('jwks.completed', 'keys', () => ({
        duration: Date.now() - started,
        facts: { endpoint: jwksUri },
      }))
      return keys
    } catch (error) {
      const failure = translateProviderError(error, 'keys')
      emit('jwks.failed', 'keys', () => ({
        duration: Date.now() - started,
        error: failure.code,
        facts: { endpoint: jwksUri, detail: failure.detail },
      }))
      throw failure
    }
  }
  const keys = lastGood(load, { maxAge: keysMaxAge, retryAfter: keysRetry })

  const mayFetchAgain = (): boolean => {
    const earned = Math.floor((Date.now() - allowanceAt) / extraFetchInterval)
    if (earned > 0) {
      allowance = Math.min(extraFetches, allowance + earned)
      allowanceAt = Date.now()
    }
    if (allowance === 0) return false
    allowance -= 1
    return true
  }

  let fetching: Promise<CompactVerifyGetKey> | undefined
  /** Keys that may have come after `used`; many tokens that need them share one fetch. */
  const newerThan = async (used: CompactVerifyGetKey) => {
    const current = keys.peek()
    if (current && current !== used) return current
    if (!fetching && !mayFetchAgain()) return undefined
    fetching ??= keys.reload().finally(() => {
      fetching = undefined
    })
    return fetching
  }

  const verifyWith = async (
    idToken: string,
    key: CompactVerifyGetKey,
    options: { algorithms: string[] },
  ): Promise<void> => {
    try {
      await compactVerify(idToken, key, options)
    } catch (error) {
      if (codeOf(error) !== 'ERR_JWKS_MULTIPLE_MATCHING_KEYS') throw error
      await verifyWithAny(idToken, error as AsyncIterable<never>, options)
    }
  }

  const verifyWithKeys = async (idToken: string, options: { algorithms: string[] }) => {
    const used = await keys.get()
    try {
      await verifyWith(idToken, used, options)
    } catch (error) {
      const newer = rotations.has(codeOf(error) ?? '') && (await newerThan(used))
      if (!newer) throw error
      await verifyWith(idToken, newer, options)
    }
  }

  return {
    async verifySignature(idToken, allowed = algorithms) {
      const { alg } = headerOf(idToken)
      if (!alg || alg === 'none' || !allowed.includes(alg)) {
        throw invalid(
          `signed with ${printable(alg ?? 'nothing', 20)}, expected ${allowed.join(' or ')}; set idTokenSignedResponseAlg if the provider signs otherwise`,
        )
      }
      const options = { algorithms: [alg] }
      try {
        if (!alg.startsWith('HS')) return await verifyWithKeys(idToken, options)
        await compactVerify(idToken, new TextEncoder().encode(await clientSecret()), options)
      } catch (error) {
        throw asInvalid(error)
      }
    },
  }
}

/** What a token looks like whose key we do not have yet; some providers give every key one name. */
const rotations = new Set(['ERR_JWKS_NO_MATCHING_KEY', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'])

/** Without `kid` several keys can fit; one of them has to verify. */
async function verifyWithAny(
  idToken: string,
  candidates: AsyncIterable<never>,
  options: { algorithms: string[] },
): Promise<void> {
  let mismatch: unknown
  for await (const candidate of candidates) {
    try {
      return void (await compactVerify(idToken, candidate, options))
    } catch (error) {
      if (codeOf(error) !== 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') throw error
      mismatch = error
    }
  }
  throw mismatch
}

function asInvalid(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (codeOf(error) === 'ERR_JWKS_NO_MATCHING_KEY') {
    return invalid('signed with a key that the provider does not publish')
  }
  return invalid(printable(error instanceof Error ? error.message : 'unknown reason'))
}

function headerOf(idToken: string): { alg?: string | undefined } {
  if (idToken.length > maxTokenLength) throw invalid('longer than 64 KiB')
  try {
    return decodeProtectedHeader(idToken)
  } catch {
    throw invalid('not a JSON Web Token')
  }
}

/** The claims of a token whose signature somebody else has checked or will check. */
export function claimsOf(idToken: string): JWTPayload {
  headerOf(idToken)
  try {
    return decodeJwt(idToken)
  } catch {
    throw invalid('not a JSON Web Token')
  }
}

/**
 * A refreshed ID token must speak of the same person and the same parties (OpenID Connect Core
 * 12.2). These checks need no keys, so they happen before the new tokens are stored.
 */
export function checkContinuity(
  idToken: string,
  expected: { issuer: string; clientId: string; subject: string },
): void {
  const { iss, sub, aud } = claimsOf(idToken)
  const audience = Array.isArray(aud) ? aud : [aud]
  if (iss !== expected.issuer) throw invalid('the refreshed one names another issuer (iss)')
  if (sub !== expected.subject) throw invalid('the refreshed one names another person (sub)')
  if (!audience.includes(expected.clientId)) {
    throw invalid('the refreshed one is meant for another client (aud)')
  }
}

/** Claims that speak of the token and not of the person; of no use once it has been checked. */
const aboutTheToken = new Set('aud azp exp iat nbf jti nonce at_hash c_hash s_hash'.split(' '))

/** The claims that an app wants to see. */
export function aboutThePerson(claims: UserClaims): UserClaims {
  const kept = Object.entries(claims).filter(([name]) => !aboutTheToken.has(name))
  return { ...Object.fromEntries(kept), sub: claims.sub }
}

/** OpenID Connect Core 3.1.3.7: whoever is named as authorized party must be this client. */
export function requireOwnAzp(claims: UserClaims | undefined, clientId: string): void {
  const azp = claims?.['azp']
  if (azp === undefined || azp === clientId) return
  throw new OAuthError('ERR_ID_TOKEN_INVALID', {
    detail: 'id_token: it was issued to another client (azp)',
  })
}
