import { OAuthError } from '../errors.ts'
import { emit } from '../events.ts'
import type { AccessTokenOptions } from '../types.ts'
import { isValidAt, tokenKey, type TokenSet } from './token-set.ts'

/** One refresh: for which token set, because of what was seen, and what is wanted of it. */
export interface Attempt {
  readonly id: string
  readonly seen: TokenSet
  readonly request: AccessTokenOptions
  readonly flow: string
}

/** Whether `stored` already has what is wanted, because somebody else was faster. */
export function serves(stored: TokenSet, { seen, request }: Omit<Attempt, 'flow'>): boolean {
  const key = tokenKey(request)
  const token = stored.accessTokens[key]
  if (!isValidAt(token, Date.now() + (request.minTtl ?? 0) * 1000)) return false
  return !request.force || token.value !== seen.accessTokens[key]?.value
}

/** The token set in which somebody else has stored what this attempt wanted. */
export function adopted({ flow }: Attempt, tokenSet: TokenSet): TokenSet {
  emit('refresh.adopted', flow, () => ({ facts: { version: tokenSet.version } }))
  return tokenSet
}

/** No refresh can help any more. */
export const expired = (detail: string): OAuthError =>
  new OAuthError('ERR_LOGIN_EXPIRED', { detail: `refresh: ${detail}` })

/** What is stored, for an attempt that cannot go on without it. */
export function requireStored(stored: TokenSet | undefined): TokenSet {
  if (stored) return stored
  throw expired('the login has ended in the meantime')
}
