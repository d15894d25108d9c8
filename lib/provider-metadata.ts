import type { Config } from './options.ts'
import { OAuthError } from './errors.ts'
import { printable } from './printable.ts'
import { isSecureOrLoopback } from './secure-url.ts'

/** What this package reads of a provider's metadata (RFC 8414, OpenID Connect Discovery 1.0). */
export interface Metadata {
  readonly issuer: string
  readonly authorization_endpoint?: string | undefined
  readonly token_endpoint?: string | undefined
  readonly userinfo_endpoint?: string | undefined
  readonly revocation_endpoint?: string | undefined
  readonly end_session_endpoint?: string | undefined
  readonly jwks_uri?: string | undefined
  readonly token_endpoint_auth_methods_supported?: string[] | undefined
  readonly id_token_signing_alg_values_supported?: string[] | undefined
  readonly scopes_supported?: string[] | undefined
  readonly authorization_response_iss_parameter_supported?: boolean | undefined
}

/** A stand-in for servers that have no issuer; never compared with anything. */
const noIssuer = 'https://issuer.invalid'

/** The metadata of a server that has no discovery. */
export function staticMetadata(server: NonNullable<Config['server']>) {
  const { userinfoEndpoint, revocationEndpoint, endSessionEndpoint, jwksUri } = server
  return {
    issuer: server.issuer ?? noIssuer,
    authorization_endpoint: server.authorizationEndpoint.href,
    token_endpoint: server.tokenEndpoint.href,
    ...(userinfoEndpoint ? { userinfo_endpoint: userinfoEndpoint.href } : {}),
    ...(revocationEndpoint ? { revocation_endpoint: revocationEndpoint.href } : {}),
    ...(endSessionEndpoint ? { end_session_endpoint: endSessionEndpoint.href } : {}),
    ...(jwksUri ? { jwks_uri: jwksUri.href } : {}),
  }
}

/** The app's choice, else what the provider offers; post where both are offered or nothing is said. */
export function chooseAuthMethod(config: Config, metadata: Metadata) {
  if (config.tokenEndpointAuthMethod) return config.tokenEndpointAuthMethod
  const offered = metadata.token_endpoint_auth_methods_supported
  // Discovery 1.0 section 3: basic is what silence means; plain servers expect the body (RFC 6749 2.3.1).
  if (!offered) return config.issuer ? 'client_secret_basic' : 'client_secret_post'
  return offered.includes('client_secret_post') ? 'client_secret_post' : 'client_secret_basic'
}

/** The allow-list for ID tokens; `none` never, and keys made of the client secret only when asked for. */
export function idTokenAlgorithms(config: Config, metadata: Metadata): string[] {
  if (config.idTokenSignedResponseAlg) return [config.idTokenSignedResponseAlg]
  const offered = metadata.id_token_signing_alg_values_supported ?? ['RS256']
  const asymmetric = offered.filter((alg) => alg !== 'none' && !alg.startsWith('HS'))
  return asymmetric.length > 0 ? asymmetric : ['RS256']
}

/** RFC 9207 section 2.4: compared whenever it is there, demanded when the provider says it sends it. */
export function checkIssuerParameter(params: URLSearchParams, metadata: Metadata): void {
  if (metadata.issuer === noIssuer) return
  const iss = params.get('iss')
  // A template stands for many tenants; the ID token's own issuer is compared later.
  if (metadata.issuer.includes('{tenantid}')) return
  if (iss !== null && iss !== metadata.issuer) {
    throw new OAuthError('ERR_CALLBACK_ISSUER', {
      detail: `callback: iss is '${printable(iss)}', expected '${metadata.issuer}'`,
    })
  }
  // An error carries nothing that could be stolen, and many servers leave iss out of it.
  const promised = metadata.authorization_response_iss_parameter_supported === true
  if (iss === null && promised && !params.get('error')) {
    throw new OAuthError('ERR_CALLBACK_ISSUER', {
      detail: 'callback: iss is missing although the provider announces it (RFC 9207)',
    })
  }
}

/** A full `.well-known` address is not compared by the library, so it is here. */
export function requireIssuer(configured: URL, found: string): void {
  if (!configured.pathname.includes('/.well-known/')) return
  const expected = configured.href.replace(/\/\.well-known\/.*$/, '')
  if (found.replace(/\/$/, '') === expected) return
  throw new OAuthError('ERR_ISSUER_MISMATCH', {
    detail: `discovery: '${configured.href}' belongs to '${expected}', but the provider calls itself '${printable(found)}'`,
  })
}

const endpoints = [
  'authorization_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
  'revocation_endpoint',
  'end_session_endpoint',
] as const

/** Whether the protocol library has to be told that plain http is meant. */
export const usesHttp = (metadata: Metadata) =>
  endpoints.some((name) => metadata[name]?.startsWith('http:'))

/** A discovery document must not lead secrets onto plain http beyond this machine. */
export function requireSecureEndpoints(metadata: Metadata, config: Config): void {
  if (config.dangerouslyAllowInsecureIssuer) return
  for (const name of endpoints) {
    const value = metadata[name]
    if (value === undefined || (URL.canParse(value) && isSecureOrLoopback(new URL(value)))) continue
    throw new OAuthError('ERR_PROVIDER_RESPONSE_INVALID', {
      detail: `discovery: ${name} is '${printable(value)}', which is not an https URL`,
    })
  }
}
