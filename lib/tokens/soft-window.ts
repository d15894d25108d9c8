import type { AccessToken } from './token-set.ts'

/**
 * Milliseconds before expiry from which a refresh runs behind the requests: at most a fifth of the
 * token's life, and different for every token set, so that processes do not all start at once.
 */
export function softWindowOf(token: AccessToken, softWindow: number, jitter: number): number {
  const lifetime = (token.expiresAt ?? Infinity) - token.obtainedAt
  return Math.min(softWindow * 1000, lifetime / 5) * (0.5 + jitter / 2)
}
