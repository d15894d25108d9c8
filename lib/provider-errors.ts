import { OAuthError, type ErrorCode, type OAuthErrorFacts } from './errors.ts'
import { printable } from './printable.ts'
import { ProviderHttpError } from './provider-http.ts'

/** What was being done when it went wrong; the same answer means different things. */
export type Step = 'discovery' | 'code' | 'refresh' | 'keys' | 'userinfo' | 'revocation'

/** Members that the protocol library's errors have; told apart by shape, because realms differ. */
interface ProtocolError {
  readonly code?: string
  readonly error?: string
  readonly error_description?: string
  readonly status?: number
  readonly response?: Partial<Response>
  readonly message: string
  readonly cause?: unknown
}

/** RFC 6749 section 5.2: the client registration or its secret is at fault, not the visitor. */
const clientFaults = new Set([
  'invalid_client',
  'invalid_request',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'invalid_scope',
  'invalid_target',
  'request_not_supported',
  'request_uri_not_supported',
])
/** GitHub's own words for errors that RFC 6749 section 5.2 names. */
const dialect: Readonly<Record<string, string>> = {
  bad_refresh_token: 'invalid_grant',
  bad_verification_code: 'invalid_grant',
  incorrect_client_credentials: 'invalid_client',
  redirect_uri_mismatch: 'invalid_request',
}
/** RFC 6749 section 4.1.2.1. */
const outages = new Set(['server_error', 'temporarily_unavailable', 'slow_down'])

const tlsHint =
  '; if the provider uses a private certificate authority, name it in NODE_EXTRA_CA_CERTS or pass a fetch that knows it'

function fromHttp(error: ProviderHttpError, step: Step): OAuthError {
  const hint = /CERT|SSL|TLS|VERIFY/i.test(error.reason) ? tlsHint : ''
  const facts = { detail: `${step}: ${error.message}${hint}` }
  if (error.fault === 'timeout')
    return new OAuthError('ERR_PROVIDER_TIMEOUT', { ...facts, retryAfter: 5 })
  if (error.fault === 'too-large') return new OAuthError('ERR_PROVIDER_RESPONSE_INVALID', facts)
  return new OAuthError('ERR_PROVIDER_UNAVAILABLE', { ...facts, retryAfter: 5 })
}

/** What the provider asks for in seconds; a date is as vague as nothing. */
const retryAfterOf = (response: Partial<Response> | undefined): number =>
  Number(response?.headers?.get('retry-after')) || 5

function fromErrorBody(error: ProtocolError, step: Step, context: string): OAuthError {
  const sent = printable(error.error, 64)
  const oauthError = Object.hasOwn(dialect, sent) ? (dialect[sent] ?? sent) : sent
  const description = printable(error.error_description)
  const facts: OAuthErrorFacts = {
    oauthError,
    detail: `${step}: the provider answered ${error.status ?? ''} ${sent}${description ? ` (${description})` : ''}`,
  }
  if (outages.has(oauthError) || error.status === 429) {
    const retryAfter = retryAfterOf(error.response)
    return new OAuthError('ERR_PROVIDER_UNAVAILABLE', { ...facts, retryAfter })
  }
  if (oauthError === 'invalid_grant') {
    return new OAuthError(step === 'refresh' ? 'ERR_LOGIN_EXPIRED' : 'ERR_CODE_REJECTED', facts)
  }
  if (step === 'refresh' && (oauthError === 'invalid_scope' || oauthError === 'invalid_target')) {
    return new OAuthError('ERR_TOKEN_REFUSED', facts)
  }
  if (!clientFaults.has(oauthError)) return new OAuthError('ERR_PROVIDER_RESPONSE_INVALID', facts)
  return new OAuthError('ERR_CLIENT_REJECTED', { ...facts, detail: `${facts.detail}${context}` })
}

function fromStatus(error: ProtocolError, step: Step): OAuthError {
  const response = (error.cause ?? {}) as Partial<Response>
  const { status = 0 } = response
  const retryAfter = retryAfterOf(response)
  const detail = `${step}: the provider answered ${status || 'with an unexpected status'}`
  if (status === 429 || (status >= 500 && step === 'discovery')) {
    return new OAuthError('ERR_PROVIDER_UNAVAILABLE', { detail, retryAfter })
  }
  if (status >= 500) return new OAuthError('ERR_PROVIDER_FAILED', { detail, retryAfter })
  if (step === 'discovery') {
    return new OAuthError('ERR_PROVIDER_RESPONSE_INVALID', {
      detail: `${detail}; there is no discovery document, so check the option 'issuer', or describe the endpoints with 'server'`,
    })
  }
  return new OAuthError('ERR_PROVIDER_RESPONSE_INVALID', { detail })
}

const idTokenFaults = new Set([
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
])

/** What our own parts of the conversation threw, which the library wraps. */
function ownErrorIn(error: unknown): OAuthError | ProviderHttpError | undefined {
  for (let one: unknown = error, depth = 0; one && depth < 8; depth += 1) {
    if (one instanceof OAuthError || one instanceof ProviderHttpError) return one
    one = (one as { cause?: unknown }).cause
  }
  return undefined
}

/**
 * Our error for whatever the protocol library threw. Its own error is not kept as a cause: the chain
 * of causes holds tokens, codes and response bodies, and log serialisers print them.
 *
 * @param context Appended where the client itself was refused: which method was used and offered.
 */
export function translateProviderError(error: unknown, step: Step, context = ''): OAuthError {
  const own = ownErrorIn(error)
  if (own) return own instanceof OAuthError ? own : fromHttp(own, step)

  const known = Object(error) as ProtocolError
  if (typeof known.error === 'string') return fromErrorBody(known, step, context)
  if (
    known.code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' ||
    known.code === 'OAUTH_RESPONSE_IS_NOT_JSON'
  ) {
    return fromStatus(known, step)
  }
  if (step === 'discovery' && issuerFaults.has(known.code ?? '')) {
    return new OAuthError('ERR_ISSUER_MISMATCH', { detail: `discovery: ${issuerDetail(known)}` })
  }
  const reason = (known.cause as { message?: string } | undefined)?.message ?? known.message
  return new OAuthError(codeFor(known.code ?? '', step, reason), {
    detail: `${step}: ${printable(reason)}`,
  })
}

/** `ERR_INVALID_URL`: the provider's name for itself is not even a URL. */
const issuerFaults = new Set(['OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED', 'ERR_INVALID_URL'])

function codeFor(code: string, step: Step, reason: string): ErrorCode {
  if (step === 'userinfo') return 'ERR_USERINFO_INVALID'
  const aboutIdToken = idTokenFaults.has(code) || /\bJWT\b|\bID Token\b/.test(reason)
  return step === 'code' && aboutIdToken ? 'ERR_ID_TOKEN_INVALID' : 'ERR_PROVIDER_RESPONSE_INVALID'
}

function issuerDetail(error: ProtocolError): string {
  const facts = error as { cause?: { expected?: string; body?: { issuer?: string } } }
  const { expected, body } = facts.cause ?? {}
  if (expected === undefined) return "the provider's own issuer is not a URL"
  const found = printable(body?.issuer) || 'nothing'
  return `the option 'issuer' is '${printable(expected)}', but the provider calls itself '${found}'; if that is the provider you mean, write it exactly so`
}

/** What the error response of the authorization endpoint means (RFC 6749 section 4.1.2.1). */
export function authorizationError(error: string, description: string | undefined): OAuthError {
  const oauthError = printable(error, 64)
  const text = printable(description)
  const facts = {
    oauthError,
    detail: `authorization: the provider answered ${oauthError}${text ? ` (${text})` : ''}`,
  }
  if (oauthError === 'access_denied') return new OAuthError('ERR_LOGIN_CANCELLED', facts)
  if (outages.has(oauthError))
    return new OAuthError('ERR_PROVIDER_FAILED', { ...facts, retryAfter: 5 })
  if (clientFaults.has(oauthError)) return new OAuthError('ERR_CLIENT_REJECTED', facts)
  return new OAuthError('ERR_LOGIN_NOT_COMPLETED', facts)
}

/** The Date header is whole seconds old, so less than five of them say nothing. */
export function withClock(error: OAuthError, skew: number): OAuthError {
  if (Math.abs(skew) < 5000) return error
  const seconds = Math.round(Math.abs(skew) / 1000)
  const clock = `this server's clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the provider's`
  return new OAuthError(error.code, { detail: `${error.detail ?? ''}; ${clock}` })
}

/** A signed userinfo answer is checked like an ID token, but is not one. */
export function asUserinfoError(error: unknown): unknown {
  if (!(error instanceof OAuthError) || error.code !== 'ERR_ID_TOKEN_INVALID') return error
  return new OAuthError('ERR_USERINFO_INVALID', {
    detail: error.detail?.replace('id_token', 'userinfo') ?? 'userinfo',
  })
}
