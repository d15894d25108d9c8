import { shapeOf } from './mask.ts'
import { scopeList, type Grant } from './tokens/token-set.ts'

/** Where the ID token of a refresh is put, so that its checks happen after the tokens are stored. */
export const refreshedIdToken = 'refreshed_id_token'

type Members = Record<string, unknown>

interface Reading {
  /** `grant_type` of the request. */
  readonly grantType: string | null
  /** Plain OAuth 2.0 servers leave out members that OpenID Connect requires. */
  readonly plain: boolean
}

/**
 * Makes the answers of well-known servers that stray from RFC 6749 section 5 readable: form-encoded
 * bodies, errors with status 200, `null` members, and a challenge header that hides the error body.
 */
export async function normaliseTokenResponse(
  response: Response,
  { grantType, plain }: Reading,
): Promise<Response> {
  const members = parse(response.headers.get('content-type') ?? '', await response.clone().text())
  if (!members) return response

  for (const [name, value] of Object.entries(members)) {
    if (value === null || value === '') delete members[name]
  }
  const failed = typeof members['error'] === 'string'
  if (!failed && plain) {
    members['token_type'] ??= 'bearer'
    // Nothing says whom it should be from; who signed in is told by userinfo.
    delete members['id_token']
  }
  if (!failed && grantType === 'refresh_token' && 'id_token' in members) {
    members[refreshedIdToken] = members['id_token']
    delete members['id_token']
  }

  const headers = new Headers(response.headers)
  headers.set('content-type', 'application/json')
  if (failed) headers.delete('www-authenticate')
  const status = failed && response.status === 200 ? 400 : response.status
  return new Response(JSON.stringify(members), { status, headers })
}

/** A browser may send anything as a code, even what the JSON of every answer consists of. */
const minCodeLength = 16
const secretNames = ['client_secret', 'code', 'code_verifier', 'refresh_token', 'token']

/** Some servers repeat in their error what they were sent, and errors are for people and logs. */
export async function withoutEcho(response: Response, sent: URLSearchParams): Promise<Response> {
  let body = await response.text()
  for (const name of secretNames) {
    const secret = sent.get(name) ?? ''
    if (secret.length < (name === 'code' ? minCodeLength : 1)) continue
    body = body.replaceAll(JSON.stringify(secret).slice(1, -1), shapeOf(secret))
  }
  const { headers, status } = response
  return new Response(body, { status, headers })
}

function parse(contentType: string, body: string): Members | undefined {
  if (contentType.includes('application/x-www-form-urlencoded')) {
    return Object.fromEntries(new URLSearchParams(body))
  }
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Members)
      : undefined
  } catch {
    // Not JSON: the protocol layer says so, with the status and the content type.
    return undefined
  }
}

/** A successful answer as the protocol library hands it on (RFC 6749 section 5.1). */
interface TokenAnswer {
  readonly access_token: string
  readonly token_type: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly scope?: string
  readonly [member: string]: unknown
  expiresIn(): number | undefined
}

/** The answer in our words; its members are read leniently, because servers differ. */
export function toGrant(answer: TokenAnswer, requestedAt: number): Grant {
  const idToken = answer.id_token ?? answer[refreshedIdToken]
  const expiresIn = answer.expiresIn()
  // Keycloak and Microsoft name it each in their own way; no standard does.
  const refreshExpiresIn = Number(
    answer['refresh_expires_in'] ?? answer['refresh_token_expires_in'],
  )
  return {
    accessToken: answer.access_token,
    tokenType: answer.token_type.toLowerCase(),
    ...(expiresIn === undefined ? {} : { expiresIn }),
    ...(answer.refresh_token ? { refreshToken: answer.refresh_token } : {}),
    ...(refreshExpiresIn > 0 ? { refreshExpiresIn } : {}),
    ...(typeof idToken === 'string' ? { idToken } : {}),
    ...(answer.scope ? { scope: scopeList(answer.scope) } : {}),
    requestedAt,
  }
}
