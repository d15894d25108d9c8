import { createHash } from 'node:crypto'
import type { Ask } from './front.ts'

/** What the scripted provider knows of its only client. */
export interface RegisteredClient {
  readonly id: string
  readonly secret: string
  readonly authMethod: 'client_secret_basic' | 'client_secret_post'
  readonly responseMode: 'query' | 'form_post'
  readonly redirectUris: ReadonlySet<string>
}

/** Complaints about an authorization request (OpenID Connect Core, section 3.1.2.1). */
export function authorizationComplaints(
  asked: URLSearchParams,
  client: RegisteredClient,
): string[] {
  const wrong = (name: string, isRight: boolean) => (isRight ? [] : [`authorize: wrong ${name}`])
  const one = (name: string) => asked.get(name) ?? ''
  const mode = asked.get('response_mode') ?? 'query'
  return [
    ...wrong('repetition', new Set(asked.keys()).size === [...asked.keys()].length),
    ...wrong('response_type', one('response_type') === 'code'),
    ...wrong('response_mode', mode === client.responseMode),
    ...wrong('client_id', one('client_id') === client.id),
    ...wrong('redirect_uri', client.redirectUris.has(one('redirect_uri'))),
    ...wrong('scope', one('scope').split(' ').includes('openid')),
    ...wrong('request', !asked.has('request') && !asked.has('request_uri')),
    ...wrong('prompt', !(one('max_age') === '0' && one('prompt') === 'none')),
    ...wrong('code_challenge_method', one('code_challenge_method') === 'S256'),
    ...wrong('code_challenge', /^[\w-]{43}$/.test(one('code_challenge'))),
    ...wrong('nonce', /^[\w-]{22,43}$/.test(one('nonce'))),
    ...wrong('state', /^[\w-]{22,128}$/.test(one('state'))),
  ]
}

function basicCredentials(authorization: string | undefined): [string, string] | undefined {
  const encoded = /^Basic ([\w+/=]+)$/.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  const decode = (part: string) => decodeURIComponent(part.replaceAll('+', ' '))
  return [decode(text.slice(0, colon)), decode(text.slice(colon + 1))]
}

/** Complaints about how a client authenticates itself (RFC 6749, section 2.3.1). */
export function clientComplaints({ headers, form }: Ask, client: RegisteredClient): string[] {
  const basic = basicCredentials(headers.authorization)
  const posted = form.has('client_secret') || form.has('client_assertion')
  const method = basic ? 'client_secret_basic' : 'client_secret_post'
  if (basic && posted) return ['token: two ways of client authentication']
  if (method !== client.authMethod) return [`token: ${method} instead of ${client.authMethod}`]
  const [id, secret] = basic ?? [form.get('client_id'), form.get('client_secret')]
  return id === client.id && secret === client.secret ? [] : ['token: wrong client credentials']
}

/** Complaints about the redemption of a code that was given for `asked`. */
export function redemptionComplaints(
  form: URLSearchParams,
  asked: URLSearchParams | undefined,
  usedVerifiers: Set<string>,
): string[] {
  if (!asked) return ['token: unknown or used code']
  const verifier = form.get('code_verifier') ?? ''
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const complaints = []
  if (form.get('redirect_uri') !== asked.get('redirect_uri')) {
    complaints.push('token: wrong redirect_uri')
  }
  if (!/^[\w.~-]{43,128}$/.test(verifier)) complaints.push('token: malformed code_verifier')
  if (challenge !== asked.get('code_challenge')) complaints.push('token: wrong code_verifier')
  if (usedVerifiers.has(verifier)) complaints.push('token: code_verifier used before')
  usedVerifiers.add(verifier)
  return complaints
}

/** Complaints about how the access token travels (RFC 6750, section 2). */
export function bearerComplaints({ headers, url, form }: Ask): string[] {
  const complaints = []
  if (url.searchParams.has('access_token')) complaints.push('userinfo: token in the query')
  if (headers.authorization && form.has('access_token')) complaints.push('userinfo: token twice')
  return complaints
}
