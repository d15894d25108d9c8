/** What an error says: `message` may be shown to visitors, `detail` is for the operator's log. */
interface Wording {
  readonly status: number
  /** A public sentence or two: what happened and what to do. */
  readonly message: string
}

const wordings = {
  ERR_CONFIG_INVALID: {
    status: 500,
    message:
      'The sign-in of this site is not configured correctly. Its operator has to correct the configuration.',
  },
  ERR_MIDDLEWARE_MISSING: {
    status: 500,
    message:
      'This page needs a sign-in that has not been set up. The operator of this site has to mount oauth() before it.',
  },
  ERR_SESSION_MISSING: {
    status: 500,
    message:
      'This site could not open a session for you. Its operator has to correct the session set-up.',
  },
  ERR_SESSION_COOKIE_NOT_SETTABLE: {
    status: 500,
    message:
      'This site cannot set its session cookie. Its operator has to correct the session or proxy set-up.',
  },
  ERR_SESSION_STORE_UNAVAILABLE: {
    status: 503,
    message:
      'Your session cannot be read at the moment. You have not been signed out; please try again shortly.',
  },
  ERR_TOKEN_STORE_UNAVAILABLE: {
    status: 503,
    message:
      'Your sign-in cannot be read at the moment. You have not been signed out; please try again shortly.',
  },
  ERR_PROVIDER_UNAVAILABLE: {
    status: 503,
    message: 'The sign-in service cannot be reached at the moment. Please try again shortly.',
  },
  ERR_PROVIDER_FAILED: {
    status: 502,
    message: 'The sign-in service reported a failure of its own. Please try again shortly.',
  },
  ERR_PROVIDER_TIMEOUT: {
    status: 504,
    message: 'The sign-in service did not answer in time. Please try again shortly.',
  },
  ERR_PROVIDER_RESPONSE_INVALID: {
    status: 502,
    message:
      'The sign-in service gave an answer that this site cannot accept. Please try again; tell the operator if it happens again.',
  },
  ERR_ISSUER_MISMATCH: {
    status: 500,
    message:
      'The sign-in service calls itself by another name than this site expects. The operator has to correct the issuer.',
  },
  ERR_CLIENT_REJECTED: {
    status: 500,
    message:
      'The sign-in service does not accept this site. Its operator has to correct the client registration or its secret.',
  },
  ERR_CALLBACK_INVALID: {
    status: 400,
    message: 'This sign-in answer is malformed. Please start the sign-in again.',
  },
  ERR_CALLBACK_ISSUER: {
    status: 400,
    message:
      'This sign-in answer comes from another service than the one that was asked. Please start the sign-in again.',
  },
  ERR_STATE_UNKNOWN: {
    status: 400,
    message:
      'This sign-in was not started in this browser, or it has already been used. Please start the sign-in again.',
  },
  ERR_TRANSACTION_EXPIRED: {
    status: 400,
    message: 'This sign-in took too long and has expired. Please start the sign-in again.',
  },
  ERR_LOGIN_CANCELLED: {
    status: 403,
    message: 'The sign-in was cancelled. Nothing has changed; you can try again whenever you like.',
  },
  ERR_LOGIN_NOT_COMPLETED: {
    status: 403,
    message: 'The sign-in service did not complete the sign-in. Please try again.',
  },
  ERR_LOGIN_REFUSED: {
    status: 403,
    message: 'You have signed in, but this site does not let this account in.',
  },
  ERR_LOGIN_LOOP: {
    status: 400,
    message:
      'The sign-in was started several times in a row without success, so it was stopped. Please wait a minute and try again.',
  },
  ERR_CODE_REJECTED: {
    status: 400,
    message:
      'The sign-in service no longer accepts this sign-in answer. Please start the sign-in again.',
  },
  ERR_ID_TOKEN_INVALID: {
    status: 502,
    message:
      'The sign-in service sent a proof of identity that this site cannot accept. Please try again; tell the operator if it happens again.',
  },
  ERR_USERINFO_INVALID: {
    status: 502,
    message:
      'The sign-in service sent profile data that this site cannot accept. Please try again; tell the operator if it happens again.',
  },
  ERR_AUTHENTICATION_INSUFFICIENT: {
    status: 403,
    message:
      'The sign-in service did not confirm your identity as strongly or as recently as this page asks for.',
  },
  ERR_LOGIN_REQUIRED: {
    status: 401,
    message: 'Please sign in first.',
  },
  ERR_LOGIN_EXPIRED: {
    status: 401,
    message: 'Your sign-in has expired. Please sign in again.',
  },
  ERR_FORBIDDEN: {
    status: 403,
    message: 'You are signed in, but you do not have the right to do this.',
  },
  ERR_TOKEN_REFRESH_FAILED: {
    status: 503,
    message:
      'Your access cannot be renewed at the moment. You have not been signed out; please try again shortly.',
  },
  ERR_TOKEN_REFUSED: {
    status: 403,
    message: 'The sign-in service does not grant this site the access that this page asks for.',
  },
  ERR_FETCH_TARGET: {
    status: 500,
    message: 'This site tried to send your access to an address that must not receive it.',
  },
  ERR_METHOD_NOT_ALLOWED: {
    status: 405,
    message: 'This address does not support that kind of request.',
  },
  ERR_PREFETCH: {
    status: 503,
    message: 'This address is not served to prefetching browsers.',
  },
  ERR_CROSS_SITE: {
    status: 403,
    message: 'Another site tried to do this in your name, so it was not done.',
  },
} as const satisfies Record<string, Wording>

/** The closed list of error codes; each has a heading in `docs/errors.md`. */
export type ErrorCode = keyof typeof wordings

export const errorCodes = Object.keys(wordings) as readonly ErrorCode[]

const brand = Symbol.for('express-oauth-client.error')

export interface OAuthErrorFacts {
  /** For the operator: what was seen and what to change. Never contains a secret. */
  readonly detail?: string
  /** Seconds after which another try makes sense; becomes `Retry-After`. */
  readonly retryAfter?: number
  /** The `error` code of RFC 6749 or OpenID Connect that the provider sent. */
  readonly oauthError?: string
  /** The flow in which it happened; the reference id on the error page and in the events. */
  readonly flow?: string
  /** Only for errors of the app's own parts (stores, hooks), whose causes hold no secret of ours. */
  readonly cause?: unknown
}

/**
 * Every error of this package. `message` is fit for visitors, `detail` for the operator's log, and
 * `status` is truthful: what the visitor did is 4xx, a failing provider 502, a silent one 504, an
 * outage 503, a misconfigured app 500.
 *
 * @example
 * app.use((err, req, res, next) => {
 *   if (!isOAuthError(err)) return next(err)
 *   log.warn({ code: err.code, detail: err.detail, flow: err.flow })
 *   res.status(err.status).render('error', { message: err.message })
 * })
 */
export class OAuthError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly detail: string | undefined
  readonly retryAfter: number | undefined
  readonly oauthError: string | undefined
  flow: string | undefined

  constructor(code: ErrorCode, facts: OAuthErrorFacts = {}) {
    const { message, status } = wordings[code]
    // A mistake in the configuration is met by the developer at start-up, who needs the whole story.
    const text = code === 'ERR_CONFIG_INVALID' ? (facts.detail ?? message) : message
    super(text, 'cause' in facts ? { cause: facts.cause } : undefined)
    this.name = 'OAuthError'
    this.code = code
    this.status = status
    this.detail = facts.detail
    this.retryAfter = facts.retryAfter
    this.oauthError = facts.oauthError
    this.flow = facts.flow
    Object.defineProperty(this, brand, { value: true })
  }
}

/** The sentence that visitors see for a code. */
export const publicMessage = (code: ErrorCode): string => wordings[code].message

/**
 * Whether `error` is one of this package's errors, also across realms and duplicate installations.
 *
 * @example
 * if (isOAuthError(err) && err.code === 'ERR_LOGIN_EXPIRED') return res.redirect('/login')
 */
export function isOAuthError(error: unknown): error is OAuthError {
  return typeof error === 'object' && error !== null && brand in error
}
