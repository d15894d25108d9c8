import { shapesOf } from '../mask.ts'
import type { TokenRequest } from '../types.ts'

/** A successful answer of the token endpoint (RFC 6749 section 5.1), in our words. */
export interface Grant {
  readonly accessToken: string
  /** Lower case. */
  readonly tokenType: string
  /** Seconds, counted from `requestedAt`. */
  readonly expiresIn?: number
  readonly refreshToken?: string
  /** Seconds, from providers that tell. */
  readonly refreshExpiresIn?: number
  readonly idToken?: string
  readonly scope?: readonly string[]
  /** Milliseconds since the epoch when the request was sent, so that a slow answer ages the token. */
  readonly requestedAt: number
}

export interface AccessToken {
  readonly value: string
  readonly type: string
  readonly scope: readonly string[]
  /** Milliseconds since the epoch. */
  readonly obtainedAt: number
  /** Milliseconds since the epoch; `undefined` when the provider did not say. */
  readonly expiresAt?: number
}

/** All tokens of one login; kept sealed, and replaced as a whole with a higher version. */
export interface TokenSet {
  readonly version: number
  /** By the key of `tokenKey`; the login's own token has the key ''. */
  readonly accessTokens: Readonly<Record<string, AccessToken>>
  readonly refreshToken?: string
  /** Milliseconds since the epoch. */
  readonly refreshExpiresAt?: number
  readonly idToken?: string
  /** What was granted at login; the fallback when an answer names no scope (RFC 6749 section 5.1). */
  readonly scope: readonly string[]
  readonly subject: string
  /** Milliseconds since the epoch at which the login ends, whatever happens. */
  readonly expiresAt: number
  /** Milliseconds since the epoch when the visitor was last active; written once in a while. */
  readonly seenAt: number
}

/** The login's own access token. */
export const ownToken = ''

/** Which of the access tokens is meant; the login's own when nothing special is asked for. */
export function tokenKey({ resource, scope }: TokenRequest): string {
  const wanted = scopeList(scope)
  if (!resource && wanted.length === 0) return ownToken
  return JSON.stringify([resource ?? '', ...wanted.toSorted()])
}

export function scopeList(scope: string | readonly string[] | undefined): readonly string[] {
  if (!scope) return []
  return typeof scope === 'string' ? scope.split(/[\s,]+/).filter(Boolean) : scope
}

function toAccessToken(grant: Grant, fallbackScope: readonly string[]): AccessToken {
  const { accessToken, tokenType, expiresIn, requestedAt, scope = fallbackScope } = grant
  return {
    value: accessToken,
    type: tokenType,
    scope,
    obtainedAt: requestedAt,
    ...(expiresIn === undefined ? {} : { expiresAt: requestedAt + expiresIn * 1000 }),
  }
}

const refreshExpiry = ({ refreshExpiresIn, requestedAt }: Grant) =>
  refreshExpiresIn === undefined ? {} : { refreshExpiresAt: requestedAt + refreshExpiresIn * 1000 }

/** The first version, from the answer to the code. */
export function createTokenSet(
  grant: Grant,
  { scope, subject, expiresAt }: { scope: readonly string[]; subject: string; expiresAt: number },
): TokenSet {
  return {
    version: 1,
    accessTokens: { [ownToken]: toAccessToken(grant, scope) },
    ...(grant.refreshToken === undefined ? {} : { refreshToken: grant.refreshToken }),
    ...refreshExpiry(grant),
    ...(grant.idToken === undefined ? {} : { idToken: grant.idToken }),
    scope: grant.scope ?? scope,
    subject,
    expiresAt,
    seenAt: grant.requestedAt,
  }
}

/**
 * The next version, from the answer to a refresh. What the answer leaves out stays as it was, and a
 * scope that it does not name is the one that was asked for (RFC 6749 sections 5.1 and 6, OpenID
 * Connect Core 12.2).
 */
export function mergeGrant(previous: TokenSet, grant: Grant, request: TokenRequest): TokenSet {
  const key = tokenKey(request)
  const asked = scopeList(request.scope)
  const known = previous.accessTokens[key]?.scope ?? previous.scope
  const token = toAccessToken(grant, asked.length > 0 ? asked : known)
  // How long the last refresh token lived says nothing about a new one.
  const { refreshExpiresAt: _replaced, ...lasting } = previous
  return {
    ...(grant.refreshToken === undefined ? previous : lasting),
    version: previous.version + 1,
    accessTokens: { ...previous.accessTokens, [key]: token },
    ...(grant.refreshToken === undefined ? {} : { refreshToken: grant.refreshToken }),
    ...refreshExpiry(grant),
    ...(grant.idToken === undefined ? {} : { idToken: grant.idToken }),
  }
}

/** An answer of the token endpoint as events may tell it. */
export const grantShapes = (grant: Grant): string[] =>
  shapesOf([
    ['access_token', grant.accessToken],
    ['token_type', grant.tokenType],
    ['expires_in', grant.expiresIn],
    ['refresh_token', grant.refreshToken],
    ['id_token', grant.idToken],
    ['scope', grant.scope?.join(' ')],
  ])

/** Whether the token can be used at `time`; one without a known expiry always can. */
export function isValidAt(token: AccessToken | undefined, time: number): token is AccessToken {
  return token !== undefined && (token.expiresAt === undefined || token.expiresAt > time)
}
