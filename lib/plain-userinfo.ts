import { OAuthError } from './errors.ts'
import type { ProviderFetch } from './provider-http.ts'
import type { UserClaims } from './types.ts'

/** Plain servers name the person in ways of their own; `sub` is made from the usual ones. */
export async function plainUserinfo(
  http: ProviderFetch,
  endpoint: string,
  accessToken: string,
): Promise<UserClaims> {
  const response = await http(endpoint, {
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${accessToken}`,
      'user-agent': 'express-oauth-client',
    },
  })
  const invalid = (detail: string) =>
    new OAuthError('ERR_USERINFO_INVALID', { detail: `userinfo: ${detail}` })
  if (response.status !== 200) throw invalid(`${endpoint} answered ${response.status}`)
  // What is no JSON is no object either, which is said below.
  const profile: unknown = await response.json().catch(() => undefined)
  if (typeof profile !== 'object' || profile === null)
    throw invalid('the answer is not a JSON object')
  const { sub, id, user_id } = profile as Record<string, unknown>
  const subject = sub ?? id ?? user_id
  if (typeof subject !== 'string' && typeof subject !== 'number') {
    throw invalid(
      "the answer has none of 'sub', 'id' and 'user_id'; return claims with a sub from onLogin",
    )
  }
  return { ...profile, sub: String(subject) }
}
