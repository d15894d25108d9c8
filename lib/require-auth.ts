import type { IncomingMessage, ServerResponse } from 'node:http'
import { contextOf, type Mount } from './context.ts'
import { handleFailure } from './error-handler.ts'
import { forbidStoring } from './error-page.ts'
import { isOAuthError, OAuthError } from './errors.ts'
import { emit, newFlow } from './events.ts'
import { pathOnly } from './mask.ts'
import { isNavigation, originalUrlOf } from './navigation.ts'
import { returnToOf, startLogin, type LoginRequest } from './routes/login.ts'
import type { LoginRecord } from './session-content.ts'
import { scopeList } from './tokens/token-set.ts'
import type { Auth, Middleware } from './types.ts'

/** The claim equals the value, is a list that has it, or satisfies the function. */
export type ClaimCondition = string | number | boolean | ((value: unknown) => boolean)

export interface RequireAuthOptions {
  /** Demand a live access token: without one the visitor signs in again. @default false */
  readonly accessToken?: boolean
  /** Demand that all of these scopes were granted; 403 otherwise. */
  readonly scope?: string | readonly string[]
  /** Demand claims, such as `{ roles: 'admin' }`; 403 otherwise. */
  readonly claims?: Readonly<Record<string, ClaimCondition>>
  /** Seconds since the person last proved who they are; a new sign-in otherwise (RFC 9470). */
  readonly maxAge?: number
  /** Demand one of these authentication contexts; a new sign-in otherwise (RFC 9470). */
  readonly acr?: string | readonly string[]
  /** Demand a login at this provider (its issuer); a new sign-in otherwise. */
  readonly provider?: string
  /** Any further condition; 403 when it answers `false`. */
  readonly when?: (auth: Auth) => boolean | Promise<boolean>
}

const known = new Set(['accessToken', 'scope', 'claims', 'maxAge', 'acr', 'provider', 'when'])

/** What a login has to bring so that the page can be shown. */
type Demand = Omit<LoginRequest, 'returnTo'>

/**
 * Lets signed-in visitors through. A navigation without a login goes to the provider and comes back
 * to where it was; anything else gets 401 problem+json. Who is signed in but lacks a right gets 403.
 *
 * @example
 * app.get('/photos', requireAuth(), (req, res) => res.send(`Hello ${req.auth.user.name}`))
 * app.get('/admin', requireAuth({ claims: { roles: 'admin' } }), showAdmin)
 * @throws {OAuthError} `ERR_CONFIG_INVALID` at start-up for an option that does not exist.
 */
export function requireAuth(options: RequireAuthOptions = {}): Middleware {
  const unknown = Object.keys(options).find((name) => !known.has(name))
  if (unknown !== undefined) {
    throw new OAuthError('ERR_CONFIG_INVALID', {
      detail: `requireAuth(): unknown option '${unknown}'; known here: ${[...known].join(', ')}`,
    })
  }
  const scope = scopeList(options.scope)
  const acr = scopeList(options.acr)

  return function requireAuthMiddleware(req, res, next) {
    const context = contextOf(req)
    if (!context) return void fail(missingMiddleware(), req, res, next, undefined)
    const { auth, mount, outage } = context
    if (outage) return void fail(outage, req, res, next, mount)
    if (!auth) return void signIn(req, res, next, mount, {})

    forbidStoring(res)
    const login = mount.sessions.login(req)
    const demand = login && unmet(options, acr, login)
    if (demand) return void signIn(req, res, next, mount, demand)
    const missing = missingRight(options, scope, auth)
    if (missing) return void fail(forbidden(missing), req, res, next, mount)
    if (!options.accessToken && !options.when) return next()
    admit(options, auth).then(
      () => next(),
      (error: unknown) => refuse(error, req, res, next, mount),
    )
  }
}

/** The conditions that need to wait for something. */
async function admit({ accessToken, when }: RequireAuthOptions, auth: Auth): Promise<void> {
  if (accessToken) await auth.getAccessToken()
  if (when && !(await when(auth))) throw forbidden("the condition 'when' answered false")
}

function refuse(
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
  mount: Mount,
): void {
  if (isOAuthError(error) && error.code === 'ERR_LOGIN_EXPIRED') {
    return void signIn(req, res, next, mount, {}, error)
  }
  void fail(error, req, res, next, mount)
}

/** What only a new sign-in can bring: a fresher or stronger one, or one elsewhere. */
function unmet(
  { maxAge, provider }: RequireAuthOptions,
  acr: readonly string[],
  login: LoginRecord,
): Demand | undefined {
  const since = Date.now() - (login.authTime === undefined ? login.at : login.authTime * 1000)
  if (maxAge !== undefined && since > maxAge * 1000) return { maxAge }
  if (acr.length > 0 && !acr.includes(login.acr ?? '')) return { acrValues: acr }
  return provider !== undefined && !isSameIssuer(provider, login.provider) ? {} : undefined
}

/** `https://idp.example.com` and the same with a slash are one issuer in everybody's eyes. */
const isSameIssuer = (one: string, other: string): boolean =>
  one.replace(/\/$/, '') === other.replace(/\/$/, '')

function missingRight(
  { claims = {} }: RequireAuthOptions,
  scope: readonly string[],
  auth: Auth,
): string | undefined {
  const lacking = scope.find((name) => !auth.scope.includes(name))
  if (lacking !== undefined) return `the scope '${lacking}' was not granted`
  const unmetClaim = Object.entries(claims).find(
    ([name, condition]) => !satisfies(auth.user[name], condition),
  )
  return unmetClaim && `the claim '${unmetClaim[0]}' is not as this page demands`
}

function satisfies(value: unknown, condition: ClaimCondition): boolean {
  if (typeof condition === 'function') return condition(value)
  return Array.isArray(value) ? value.includes(condition) : value === condition
}

const forbidden = (detail: string) => new OAuthError('ERR_FORBIDDEN', { detail })

const missingMiddleware = () =>
  new OAuthError('ERR_MIDDLEWARE_MISSING', {
    detail:
      'requireAuth(): mount oauth() before the routes that it protects: app.use(oauth({ ... }))',
  })

/** The provider for a navigation; for anything else a 401 that says where to sign in. */
async function signIn(
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
  mount: Mount,
  demand: Demand,
  reason?: OAuthError,
): Promise<void> {
  if (req.method !== 'GET' || !isNavigation(req)) {
    return fail(reason ?? new OAuthError('ERR_LOGIN_REQUIRED'), req, res, next, mount)
  }
  try {
    await startLogin(req, res, mount, { ...demand, returnTo: returnToOf(req, mount) })
  } catch (error) {
    await fail(error, req, res, next, mount)
  }
}

function fail(
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
  mount: Mount | undefined,
): Promise<void> {
  const flow = newFlow()
  const facts = () => ({ method: req.method, path: pathOnly(originalUrlOf(req)) })
  if (!isOAuthError(error)) {
    emit('guard.refused', flow, () => ({ facts: facts() }))
    return handleFailure(error, req, res, next, mount)
  }
  // What a login before it has told has its flow already.
  error.flow ??= flow
  emit('guard.refused', error.flow, () => ({
    error: error.code,
    facts: { ...facts(), detail: error.detail },
  }))
  return handleFailure(error, req, res, next, mount)
}
