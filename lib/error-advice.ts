import type { ErrorCode } from './errors.ts'

/** A section of the specification that a step or an error is about. */
export interface Reference {
  readonly label: string
  readonly url: string
}

/** For the developer: why something fails, what to do about it, and where it is written. */
export interface Advice {
  readonly cause: string
  readonly fix: string
  readonly reference: Reference
}

export const rfc = (number: number, section: string): Reference => ({
  label: `RFC ${number}, section ${section}`,
  url: `https://www.rfc-editor.org/rfc/rfc${number}#section-${section}`,
})

const openid = (document: string, title: string, section: string, anchor: string): Reference => ({
  label: `OpenID Connect ${title} 1.0, section ${section}`,
  url: `https://openid.net/specs/openid-connect-${document}-1_0.html#${anchor}`,
})
export const core = (section: string, anchor: string) => openid('core', 'Core', section, anchor)
export const discovery = openid('discovery', 'Discovery', '4', 'ProviderConfig')
export const rpLogout = openid('rpinitiated', 'RP-Initiated Logout', '2', 'RPLogout')

const advice: Readonly<Record<ErrorCode, Advice>> = {
  ERR_CONFIG_INVALID: {
    cause: 'An option is missing or has a value that cannot work.',
    fix: 'The message names the option and what to write.',
    reference: rfc(6749, '2'),
  },
  ERR_MIDDLEWARE_MISSING: {
    cause: 'requireAuth() ran on a request that oauth() has not seen.',
    fix: 'Mount oauth() before the routes that it protects.',
    reference: rfc(6749, '4.1'),
  },
  ERR_SESSION_MISSING: {
    cause: 'There is no express-session on the request.',
    fix: 'Mount express-session before oauth(), or leave the session to oauth().',
    reference: rfc(9700, '4.7'),
  },
  ERR_SESSION_COOKIE_NOT_SETTABLE: {
    cause: 'The session cookie would not reach the browser or not come back with the callback.',
    fix: "Behind a TLS proxy write app.set('trust proxy', 1); give the cookie the path '/'.",
    reference: rfc(6265, '4.1.2.5'),
  },
  ERR_SESSION_STORE_UNAVAILABLE: {
    cause: 'The session store reported an error or did not answer in time.',
    fix: 'Look at the store and its connection; nobody has been signed out.',
    reference: rfc(9110, '15.6.4'),
  },
  ERR_TOKEN_STORE_UNAVAILABLE: {
    cause: 'The token store reported an error or did not answer in time.',
    fix: 'Look at the store and its connection; nobody has been signed out.',
    reference: rfc(9110, '15.6.4'),
  },
  ERR_PROVIDER_UNAVAILABLE: {
    cause: 'The authorization server could not be reached, or asked for a pause.',
    fix: 'Check address, DNS, TLS and proxy of this server; ask ready() for the reason.',
    reference: rfc(6749, '5.2'),
  },
  ERR_PROVIDER_FAILED: {
    cause: 'The authorization server reported a failure of its own.',
    fix: "Look at the provider's status and logs; trying again is safe.",
    reference: rfc(6749, '4.1.2.1'),
  },
  ERR_PROVIDER_TIMEOUT: {
    cause: 'The authorization server did not answer in time.',
    fix: "Check the way there; the option 'timeout' says how long to wait.",
    reference: rfc(6749, '3.2'),
  },
  ERR_PROVIDER_RESPONSE_INVALID: {
    cause: 'The answer is not what the protocol asks for.',
    fix: "Check the option 'issuer' or the endpoints under 'server'; the detail says what was odd.",
    reference: rfc(6749, '5.1'),
  },
  ERR_ISSUER_MISMATCH: {
    cause: 'The provider calls itself by another name than the configured issuer.',
    fix: "Write the option 'issuer' exactly as the provider names itself.",
    reference: discovery,
  },
  ERR_CLIENT_REJECTED: {
    cause: 'The authorization server does not accept this client or its request.',
    fix: 'Compare client id, client secret, redirect URI and scope with the registration.',
    reference: rfc(6749, '5.2'),
  },
  ERR_CALLBACK_INVALID: {
    cause: 'The answer at the callback lacks parameters or has them twice.',
    fix: 'Begin at /login; addresses of a callback cannot be typed or kept as bookmarks.',
    reference: rfc(6749, '4.1.2'),
  },
  ERR_CALLBACK_ISSUER: {
    cause: 'The answer names another issuer than the one that was asked, or none at all.',
    fix: 'Check which provider the browser was sent to: this is how a mix-up attack looks.',
    reference: rfc(9207, '2.4'),
  },
  ERR_STATE_UNKNOWN: {
    cause: 'This browser has no pending login of that state.',
    fix: 'Open the site by the host name of baseUrl, let its cookies through, and use one session store for all processes.',
    reference: rfc(9700, '4.7'),
  },
  ERR_TRANSACTION_EXPIRED: {
    cause: 'The sign-in took longer than a quarter of an hour.',
    fix: 'Start again; if it is always so, compare the clocks of the servers.',
    reference: rfc(6749, '4.1.2'),
  },
  ERR_LOGIN_CANCELLED: {
    cause: 'The person, or a rule of the provider, refused the access.',
    fix: 'Nothing to repair; if nobody pressed Cancel, look at the access rules of the provider.',
    reference: rfc(6749, '4.1.2.1'),
  },
  ERR_LOGIN_NOT_COMPLETED: {
    cause: 'The authorization server ended the sign-in with an error.',
    fix: "Look up the error that it sent; with prompt 'none' it means that a real sign-in is needed.",
    reference: core('3.1.2.6', 'AuthError'),
  },
  ERR_LOGIN_REFUSED: {
    cause: "The app's own onLogin refused the person.",
    fix: 'See what onLogin threw; its message is in the detail.',
    reference: rfc(6749, '4.1'),
  },
  ERR_LOGIN_LOOP: {
    cause: 'One login followed another, and each time the session was lost again.',
    fix: 'See that the browser keeps the session cookie and that all processes share one session store.',
    reference: rfc(6265, '4.1.2'),
  },
  ERR_CODE_REJECTED: {
    cause: 'The code has expired, was used before, or belongs to another client or redirect URI.',
    fix: 'Start again; if it is always so, compare the redirect URI and the clocks.',
    reference: rfc(6749, '5.2'),
  },
  ERR_ID_TOKEN_INVALID: {
    cause: 'Signature or claims of the ID token do not hold.',
    fix: 'The detail names the check; often it is the clock, the issuer or the signing algorithm.',
    reference: core('3.1.3.7', 'IDTokenValidation'),
  },
  ERR_USERINFO_INVALID: {
    cause: 'The answer of the userinfo endpoint cannot be used.',
    fix: "The detail names the check; 'userinfo: false' goes without it.",
    reference: core('5.3.2', 'UserInfoResponse'),
  },
  ERR_AUTHENTICATION_INSUFFICIENT: {
    cause: 'The person did not sign in as recently or as strongly as was asked.',
    fix: 'See whether the provider supports max_age and these acr values.',
    reference: rfc(9470, '5'),
  },
  ERR_LOGIN_REQUIRED: {
    cause: 'Nobody is signed in, and the request is no page view that could go to the provider.',
    fix: 'Sign in first; scripts read login_url from the answer.',
    reference: rfc(9110, '15.5.2'),
  },
  ERR_LOGIN_EXPIRED: {
    cause: 'The login is over: no refresh token, an expired or revoked one, or a logout elsewhere.',
    fix: 'Sign in again; ask for offline_access if the login should outlive the access token.',
    reference: rfc(6749, '6'),
  },
  ERR_FORBIDDEN: {
    cause: 'The person lacks a scope, claim or role that the page demands.',
    fix: 'Grant it at the provider, or change what requireAuth() demands.',
    reference: rfc(6750, '3.1'),
  },
  ERR_TOKEN_REFRESH_FAILED: {
    cause: 'The access token could not be renewed for the moment; the login stays.',
    fix: 'Try again shortly; the detail says what the authorization server or the store did.',
    reference: rfc(6749, '6'),
  },
  ERR_TOKEN_REFUSED: {
    cause: 'The authorization server gives no token for this resource or scope.',
    fix: 'Allow the resource or scope for this client, or ask for less.',
    reference: rfc(8707, '2'),
  },
  ERR_FETCH_TARGET: {
    cause: 'A token was about to be sent over plain http.',
    fix: 'Call the API by https.',
    reference: rfc(6750, '5.3'),
  },
  ERR_METHOD_NOT_ALLOWED: {
    cause: 'The address was asked with a method that it does not know.',
    fix: 'Use GET for /login, and GET or POST for /logout.',
    reference: rfc(9110, '15.5.6'),
  },
  ERR_PREFETCH: {
    cause: 'A browser fetched the address ahead of a click.',
    fix: 'Nothing to repair; a login begins with the click.',
    reference: rfc(9110, '9.2.1'),
  },
  ERR_CROSS_SITE: {
    cause: 'Another origin asked for it in the name of the visitor.',
    fix: 'Post the form from a page of this site.',
    reference: rfc(6749, '10.12'),
  },
}

/** Where the `error` of the provider says more than our code does. */
const byOAuthError: Readonly<Record<string, Partial<Advice>>> = {
  invalid_client: {
    cause: 'Client id, client secret or the way of sending them is not what the provider knows.',
    fix: "Copy the secret's value again, and set tokenEndpointAuthMethod as it is registered.",
  },
  invalid_scope: {
    cause: 'The provider does not know or not allow one of the scopes.',
    fix: "Correct the option 'scope', or allow the scope for this client.",
    reference: rfc(6749, '3.3'),
  },
  unauthorized_client: {
    cause: 'This client may not use the authorization code flow.',
    fix: 'Allow the grant type authorization_code for it at the provider.',
  },
}

/** What a developer should know about an error. */
export function adviceFor(code: ErrorCode, oauthError?: string): Advice {
  return { ...advice[code], ...byOAuthError[oauthError ?? ''] }
}

/** Where the package's documentation tells about a code. */
export const docsOf = (code: ErrorCode): string => `docs/errors.md#${code.toLowerCase()}`
