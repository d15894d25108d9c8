import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Mount } from '../context.ts'
import { isOAuthError, OAuthError } from '../errors.ts'
import { emit } from '../events.ts'
import { namesOf, shapeOf, shapesOf } from '../mask.ts'
import type { CodeGrant } from '../provider.ts'
import type { Content } from '../session-content.ts'
import { grantShapes } from '../tokens/token-set.ts'
import type { Transaction } from '../transaction.ts'
import type { UserClaims } from '../types.ts'

/** One callback with everything that its steps need. */
export interface Callback {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly mount: Mount
  readonly params: URLSearchParams
  readonly transaction: Transaction
  /** What the app kept in the session when the callback came, before any of its hooks ran. */
  readonly sessionBefore: Content
}

/** RFC 6749 section 4.1.3; the provider's answer comes back verified. */
export async function exchangeCode({ mount, params, transaction }: Callback): Promise<CodeGrant> {
  const { codeVerifier, flow, nonce, redirectUri, state } = transaction
  const started = Date.now()
  emit('login.code_exchange_requested', flow, () => ({
    facts: {
      ...mount.provider.about('token_endpoint'),
      parameters: shapesOf([
        ['grant_type', 'authorization_code'],
        ['code', params.get('code') ?? undefined],
        ['code_verifier', codeVerifier],
        ['redirect_uri', redirectUri],
      ]),
    },
  }))
  const checks = { state, nonce, codeVerifier, redirectUri }
  const grant = await mount.provider.exchangeCode(params, checks)
  emit('login.code_exchange_completed', flow, () => ({
    duration: Date.now() - started,
    facts: {
      expiresIn: grant.expiresIn,
      scope: grant.scope,
      refreshToken: grant.refreshToken !== undefined,
      idToken: grant.idToken !== undefined,
      parameters: grantShapes(grant),
    },
  }))
  if (grant.claims) {
    const claims = grant.claims
    emit('login.id_token_verified', flow, () => ({
      facts: {
        checks: ['signature', 'iss', 'aud', 'exp', ...(nonce === undefined ? [] : ['nonce'])],
        claims: namesOf(claims),
      },
    }))
  }
  return grant
}

/** OpenID Connect Core 3.1.2.1: a provider may ignore what was asked, so the claims are looked at. */
export function requireWhatWasAsked(
  { mount, transaction }: Callback,
  claims: UserClaims | undefined,
): void {
  const { acrValues, maxAge } = transaction
  const tolerance = mount.config.clockTolerance
  const insufficient = (detail: string) =>
    new OAuthError('ERR_AUTHENTICATION_INSUFFICIENT', { detail: `callback: ${detail}` })
  if (maxAge !== undefined) {
    const authTime = claims?.['auth_time']
    if (typeof authTime !== 'number') throw insufficient('max_age was asked, auth_time is missing')
    const age = Math.round(Date.now() / 1000 - authTime)
    if (age > maxAge + tolerance)
      throw insufficient(`signed in ${age} s ago, max_age is ${maxAge} s`)
  }
  if (acrValues && !acrValues.includes(String(claims?.['acr']))) {
    throw insufficient(`acr is not one of those asked for: ${acrValues.join(', ')}`)
  }
}

/** Whether the ID token lacks claims that the scope should have brought (OpenID Connect Core 5.4). */
function lacksClaims(claims: UserClaims, scope: readonly string[]): boolean {
  const lacks = (name: string, ...any: string[]) =>
    scope.includes(name) && !any.some((claim) => claims[claim] !== undefined)
  return lacks('profile', 'name', 'preferred_username', 'nickname') || lacks('email', 'email')
}

export async function withUserinfo(
  { mount, transaction }: Callback,
  grant: CodeGrant,
): Promise<UserClaims> {
  const { config, provider } = mount
  const { claims } = grant
  const wanted =
    config.userinfo === 'auto'
      ? !claims || lacksClaims(claims, grant.scope ?? transaction.scope)
      : config.userinfo
  const available = wanted && (await provider.hasUserinfo())
  if (!available) return claims ?? nobody()
  const started = Date.now()
  emit('login.userinfo_requested', transaction.flow, () => ({
    facts: {
      endpoint: provider.about('userinfo_endpoint').endpoint,
      parameters: [`authorization: Bearer ${shapeOf(grant.accessToken)}`],
    },
  }))
  const profile = await provider.userinfo(grant.accessToken, claims?.sub)
  emit('login.userinfo_completed', transaction.flow, () => ({
    duration: Date.now() - started,
    facts: { claims: namesOf(profile) },
  }))
  // What the ID token says about the login itself is signed, so it wins.
  return { ...profile, ...claims }
}

/** A plain server without a userinfo endpoint: `onLogin` says who it is (see `welcome`). */
const nobody = (): UserClaims => ({ sub: '' })

/** The app may enrich the person or refuse the login; without a person there is no login. */
export async function welcome(
  { mount, req, transaction }: Callback,
  grant: CodeGrant,
  claims: UserClaims,
): Promise<UserClaims> {
  const { config, provider } = mount
  const details = {
    user: claims,
    scope: grant.scope ?? transaction.scope,
    provider: provider.name,
    accessToken: grant.accessToken,
  }
  const user = (await askApp(() => config.onLogin?.(details, req))) ?? claims
  if (user.sub) return user
  throw new OAuthError('ERR_USERINFO_INVALID', {
    detail:
      "callback: nobody has said who signed in; set server.userinfoEndpoint, or return claims with a 'sub' from onLogin",
  })
}

/** Whatever the app's hook throws refuses the login; the app's own errors keep their meaning. */
async function askApp<T>(hook: () => T | Promise<T>): Promise<T> {
  try {
    return await hook()
  } catch (cause) {
    if (isOAuthError(cause)) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OAuthError('ERR_LOGIN_REFUSED', { detail: `onLogin: ${reason}`, cause })
  }
}
