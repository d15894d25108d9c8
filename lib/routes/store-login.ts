import { emit } from '../events.ts'
import { digestOf, shapeOf } from '../mask.ts'
import type { CodeGrant } from '../provider.ts'
import type { LoginRecord } from '../session-content.ts'
import { createTokenSet } from '../tokens/token-set.ts'
import type { UserClaims } from '../types.ts'
import { warnOnce } from '../warnings.ts'
import type { Callback } from './callback-steps.ts'

/** Tokens first, then the session that names them: a login without tokens never exists. */
export async function storeLogin(
  { mount, req, sessionBefore, transaction }: Callback,
  grant: CodeGrant,
  user: UserClaims,
): Promise<string> {
  const { config, provider, sessions } = mount
  const { vault } = mount.tokens(req)
  const now = Date.now()
  const expiresAt = endOfLogin(now, config.lifetime.absolute, grant.claims)
  const subject = grant.claims?.sub ?? user.sub
  const sid = textOf(grant.claims?.['sid'])
  const tokenSet = createTokenSet(grant, { scope: transaction.scope, subject, expiresAt })
  const tokenSetId = await vault.create(tokenSet, { issuer: provider.name, subject, sid })

  const previous = sessions.namedTokenSet(req)
  const authTime = grant.claims?.['auth_time']
  const acr = textOf(grant.claims?.['acr'])
  const login: Omit<LoginRecord, 'client'> = {
    tokenSetId,
    user,
    provider: provider.name,
    at: now,
    expiresAt,
    ...(typeof authTime === 'number' ? { authTime } : {}),
    ...(acr === undefined ? {} : { acr }),
    ...(sid === undefined ? {} : { sid }),
  }
  const sessionId = await sessions.begin(req, login, sessionBefore)
  emit('login.session_saved', transaction.flow, () => ({
    facts: { tokenSet: digestOf(tokenSetId), session: shapeOf(sessionId) },
  }))
  if (!grant.refreshToken && config.refresh !== false && grant.expiresIn) {
    warnOnce('WARN_NO_REFRESH_TOKEN')
  }
  // Not revoked: some providers revoke the whole grant, and with it the tokens of this login. Without
  // a session that names them, tokens that the store does not remove now are out of reach.
  if (previous) await vault.remove(previous).catch(() => undefined)
  return sessionId
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

/** The app's limit, or an earlier one that the provider sets with `session_expiry` (seconds). */
function endOfLogin(now: number, absolute: number, claims: UserClaims | undefined): number {
  const limit = now + absolute * 1000
  const told = claims?.['session_expiry']
  return typeof told === 'number' ? Math.min(limit, told * 1000) : limit
}
