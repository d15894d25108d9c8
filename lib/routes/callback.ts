import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import escapeHtml from 'escape-html'
import { contextOf, type Mount } from '../context.ts'
import { readCookies } from '../cookies.ts'
import { sendPage } from '../error-page.ts'
import { isOAuthError, OAuthError } from '../errors.ts'
import { emit, type EventFacts } from '../events.ts'
import {
  cookieNames,
  cookieShapes,
  digestOf,
  namesOf,
  pathOnly,
  shapeOf,
  shapesOf,
} from '../mask.ts'
import { isNavigation, originalUrlOf, queryOf } from '../navigation.ts'
import type { CodeGrant } from '../provider.ts'
import { redirect } from '../redirect.ts'
import type { LoginRecord } from '../session.ts'
import { createTokenSet, grantShapes } from '../tokens/token-set.ts'
import type { Outcome, Taken, Transaction } from '../transaction.ts'
import type { UserClaims } from '../types.ts'
import { warnOnce } from '../warnings.ts'
import { hostDifference, startLogin } from './login.ts'
import { readForm } from './read-form.ts'
import { requireMethod } from './require-method.ts'

const maxStateLength = 512
const pollInterval = 100

interface Callback {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly mount: Mount
  readonly params: URLSearchParams
  readonly transaction: Transaction
}

/** `/callback`: takes the provider's answer and signs the person in (RFC 6749 section 4.1.2). */
export async function callback(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
): Promise<void> {
  requireMethod(req, res, mount.config.responseMode === 'form_post' ? ['GET', 'POST'] : ['GET'])
  try {
    await receive(req, res, mount)
  } catch (error) {
    throw withFlow(error, req, mount)
  }
}

/** What belongs to no login of ours is a flow of its own, so that its failure can be looked into. */
function withFlow(error: unknown, req: IncomingMessage, mount: Mount): unknown {
  if (!(error instanceof OAuthError) || error.flow) return error
  const flow = randomBytes(9).toString('base64url')
  error.flow = flow
  emit('login.failed', flow, () => ({
    error: error.code,
    facts: { ...factsOf(req, mount, queryOf(req)), detail: error.detail },
  }))
  return error
}

/** What came back from the provider, as events may tell it. */
function factsOf(req: IncomingMessage, { config }: Mount, params: URLSearchParams): EventFacts {
  return {
    responseMode: config.responseMode,
    path: pathOnly(originalUrlOf(req)),
    parameters: shapesOf(params),
    requestCookies: cookieNames(readCookies(req)),
  }
}

async function receive(req: IncomingMessage, res: ServerResponse, mount: Mount): Promise<void> {
  const outage = contextOf(req)?.outage
  if (outage) throw outage
  const params = req.method === 'POST' ? await readForm(req) : queryOf(req)
  const state = stateOf(params)
  if (isWithoutSession(req, mount, params)) return park(req, res, mount, state, params)

  const taken = await takeOrWait(req, mount, state)
  if (taken.status === 'done') return continueAs(req, res, mount, taken.outcome)
  if (taken.status !== 'pending') return withoutTransaction(req, res, mount, taken, params)

  const { answer, transaction } = taken
  if (mount.config.responseMode === 'form_post' && answer === undefined) {
    await mount.transactions.finish(req, res, state, undefined)
    throw malformed('the answer came in the address, although a posted form was asked for')
  }
  const received = answer === undefined ? params : new URLSearchParams(answer)
  await finish({ req, res, mount, params: received, transaction })
}

async function finish(one: Callback): Promise<void> {
  const { req, res, mount, params, transaction } = one
  const { flow, state } = transaction
  const started = Date.now()
  emit('login.callback_received', flow, () => ({ facts: factsOf(req, mount, params) }))
  emit('login.transaction_taken', flow, () => ({
    facts: {
      parameters: shapesOf([['state', state]]),
      secondsAgo: Math.round((started - transaction.startedAt) / 1000),
    },
  }))
  try {
    const sessionId = await signIn(one)
    const { returnTo } = transaction
    await mount.transactions.finish(req, res, state, { sessionId, returnTo })
    mount.loginLoop.count(req, res)
    emit('login.completed', flow, () => ({
      duration: Date.now() - started,
      facts: { returnTo: pathOnly(returnTo), cookies: cookieShapes(res.getHeader('set-cookie')) },
    }))
    redirect(res, returnTo)
  } catch (error) {
    if (error instanceof OAuthError) error.flow ??= flow
    emit('login.failed', flow, () => ({
      duration: Date.now() - started,
      ...(isOAuthError(error)
        ? { error: error.code, facts: { detail: error.detail, oauthError: error.oauthError } }
        : { facts: { detail: 'an error that is not ours' } }),
    }))
    // The record expires by itself; the first error is the one to tell.
    await mount.transactions.finish(req, res, state, undefined).catch(() => undefined)
    throw error
  }
}

/** The checks, in their order; each of them throws. */
async function signIn(one: Callback): Promise<string> {
  const { mount, params } = one
  await mount.provider.checkAuthorizationResponse(params)
  const grant = await exchangeCode(one)
  requireWhatWasAsked(one, grant.claims)
  const claims = await withUserinfo(one, grant)
  const user = await welcome(one, grant, claims)
  return storeLogin(one, grant, user)
}

async function exchangeCode({ mount, params, transaction }: Callback): Promise<CodeGrant> {
  const { codeVerifier, flow, nonce, redirectUri, state } = transaction
  const started = Date.now()
  emit('login.code_exchange_requested', flow, () => ({
    facts: {
      ...mount.provider.about('token_endpoint'),
      parameters: shapesOf([
        ['grant_type', 'authorization_code'],
        ['code', params.get('code') ?? undefined],
        ['code_verifier', codeVerifier],
        ['redirect_uri', redirectUri],
      ]),
    },
  }))
  const checks = { state, nonce, codeVerifier, redirectUri }
  const grant = await mount.provider.exchangeCode(params, checks)
  emit('login.code_exchange_completed', flow, () => ({
    duration: Date.now() - started,
    facts: {
      expiresIn: grant.expiresIn,
      scope: grant.scope,
      refreshToken: grant.refreshToken !== undefined,
      idToken: grant.idToken !== undefined,
      parameters: grantShapes(grant),
    },
  }))
  if (grant.claims) {
    const claims = grant.claims
    emit('login.id_token_verified', flow, () => ({
      facts: {
        checks: ['signature', 'iss', 'aud', 'exp', ...(nonce === undefined ? [] : ['nonce'])],
        claims: namesOf(claims),
      },
    }))
  }
  return grant
}

/** OpenID Connect Core 3.1.2.1: a provider may ignore what was asked, so the claims are looked at. */
function requireWhatWasAsked(
  { mount, transaction }: Callback,
  claims: UserClaims | undefined,
): void {
  const { acrValues, maxAge } = transaction
  const tolerance = mount.config.clockTolerance
  const insufficient = (detail: string) =>
    new OAuthError('ERR_AUTHENTICATION_INSUFFICIENT', { detail: `callback: ${detail}` })
  if (maxAge !== undefined) {
    const authTime = claims?.['auth_time']
    if (typeof authTime !== 'number') throw insufficient('max_age was asked, auth_time is missing')
    const age = Math.round(Date.now() / 1000 - authTime)
    if (age > maxAge + tolerance)
      throw insufficient(`signed in ${age} s ago, max_age is ${maxAge} s`)
  }
  if (acrValues && !acrValues.includes(String(claims?.['acr']))) {
    throw insufficient(`acr is not one of those asked for: ${acrValues.join(', ')}`)
  }
}

/** Whether the ID token lacks claims that the scope should have brought (OpenID Connect Core 5.4). */
function lacksClaims(claims: UserClaims, scope: readonly string[]): boolean {
  const lacks = (name: string, ...any: string[]) =>
    scope.includes(name) && !any.some((claim) => claims[claim] !== undefined)
  return lacks('profile', 'name', 'preferred_username', 'nickname') || lacks('email', 'email')
}

async function withUserinfo(
  { mount, transaction }: Callback,
  grant: CodeGrant,
): Promise<UserClaims> {
  const { config, provider } = mount
  const { claims } = grant
  const wanted =
    config.userinfo === 'auto'
      ? !claims || lacksClaims(claims, grant.scope ?? transaction.scope)
      : config.userinfo
  const available = wanted && (await provider.hasUserinfo())
  if (!available) return claims ?? nobody()
  const started = Date.now()
  emit('login.userinfo_requested', transaction.flow, () => ({
    facts: {
      endpoint: provider.about('userinfo_endpoint').endpoint,
      parameters: [`authorization: Bearer ${shapeOf(grant.accessToken)}`],
    },
  }))
  const profile = await provider.userinfo(grant.accessToken, claims?.sub)
  emit('login.userinfo_completed', transaction.flow, () => ({
    duration: Date.now() - started,
    facts: { claims: namesOf(profile) },
  }))
  // What the ID token says about the login itself is signed, so it wins.
  return { ...profile, ...claims }
}

/** A plain server without a userinfo endpoint: `onLogin` says who it is (see `welcome`). */
const nobody = (): UserClaims => ({ sub: '' })

/** The app may enrich the person or refuse the login; without a person there is no login. */
async function welcome(
  { mount, req, transaction }: Callback,
  grant: CodeGrant,
  claims: UserClaims,
): Promise<UserClaims> {
  const { config, provider } = mount
  const details = {
    user: claims,
    scope: grant.scope ?? transaction.scope,
    provider: provider.name,
    accessToken: grant.accessToken,
  }
  const user = (await askApp(() => config.onLogin?.(details, req))) ?? claims
  if (user.sub) return user
  throw new OAuthError('ERR_USERINFO_INVALID', {
    detail:
      "callback: nobody has said who signed in; set server.userinfoEndpoint, or return claims with a 'sub' from onLogin",
  })
}

/** Whatever the app's hook throws refuses the login; the app's own errors keep their meaning. */
async function askApp<T>(hook: () => T | Promise<T>): Promise<T> {
  try {
    return await hook()
  } catch (cause) {
    if (isOAuthError(cause)) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OAuthError('ERR_LOGIN_REFUSED', { detail: `onLogin: ${reason}`, cause })
  }
}

/** Tokens first, then the session that names them: a login without tokens never exists. */
async function storeLogin(
  { mount, req, transaction }: Callback,
  grant: CodeGrant,
  user: UserClaims,
): Promise<string> {
  const { config, provider, sessions } = mount
  const { vault } = mount.tokens(req)
  const now = Date.now()
  const expiresAt = endOfLogin(now, config.lifetime.absolute, grant.claims)
  const subject = grant.claims?.sub ?? user.sub
  const sid = textOf(grant.claims?.['sid'])
  const tokenSet = createTokenSet(grant, { scope: transaction.scope, subject, expiresAt })
  const tokenSetId = await vault.create(tokenSet, { issuer: provider.name, subject, sid })

  const previous = sessions.login(req)
  const authTime = grant.claims?.['auth_time']
  const acr = textOf(grant.claims?.['acr'])
  const login: LoginRecord = {
    tokenSetId,
    user,
    provider: provider.name,
    at: now,
    expiresAt,
    seenAt: now,
    ...(typeof authTime === 'number' ? { authTime } : {}),
    ...(acr === undefined ? {} : { acr }),
    ...(sid === undefined ? {} : { sid }),
  }
  const sessionId = await sessions.begin(req, login)
  emit('login.session_saved', transaction.flow, () => ({
    facts: { tokenSet: digestOf(tokenSetId), session: shapeOf(sessionId) },
  }))
  if (!grant.refreshToken && config.refresh !== false && grant.expiresIn) {
    warnOnce('WARN_NO_REFRESH_TOKEN')
  }
  // Not revoked: some providers revoke the whole grant, and with it the tokens of this login.
  if (previous) await vault.remove(previous.tokenSetId)
  return sessionId
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

/** The app's limit, or an earlier one that the provider sets with `session_expiry` (seconds). */
function endOfLogin(now: number, absolute: number, claims: UserClaims | undefined): number {
  const limit = now + absolute * 1000
  const told = claims?.['session_expiry']
  return typeof told === 'number' ? Math.min(limit, told * 1000) : limit
}

function stateOf(params: URLSearchParams): string {
  for (const name of ['state', 'code', 'error', 'iss']) {
    if (params.getAll(name).length > 1) throw malformed(`the parameter ${name} is there twice`)
  }
  const state = params.get('state')
  if (!state) throw malformed('the parameter state is missing')
  if (state.length > maxStateLength) throw malformed('the parameter state is too long')
  return state
}

const malformed = (detail: string) =>
  new OAuthError('ERR_CALLBACK_INVALID', { detail: `callback: ${detail}` })

/** Coming from another site, a posted answer has no Lax session cookie, and no answer a Strict one. */
function isWithoutSession(
  req: IncomingMessage,
  { sessions }: Mount,
  params: URLSearchParams,
): boolean {
  if (req.method === 'POST') return true
  return sessions.isStrict(req) && (params.has('code') || params.has('error'))
}

/**
 * Keeps the answer with its transaction; the same-site GET that follows finishes the login in the
 * visitor's own session.
 */
async function park(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
  state: string,
  params: URLSearchParams,
): Promise<void> {
  const parked = await mount.transactions.park(req, state, params.toString())
  if (!parked) {
    const taken = await mount.transactions.take(req, state)
    if (taken.status !== 'done' && taken.status !== 'taken') {
      // The mark of a restart is a Lax cookie too, so a posted answer must not begin again.
      if (req.method === 'POST') throw lost(req, mount, taken)
      return withoutTransaction(req, res, mount, taken, params)
    }
  }
  const next = `${mount.urls.redirectUri}?state=${encodeURIComponent(state)}`
  if (mount.sessions.isStrict(req)) return goOnFromHere(res, next)
  redirect(res, next)
}

/** A redirect would still count as coming from the other site; a page of ours begins anew. */
function goOnFromHere(res: ServerResponse, location: string): void {
  res.setHeader('Refresh', `0;url=${location}`)
  sendPage(
    res,
    200,
    'Signing you in',
    `<p>One moment, please.</p><div class="actions"><a class="button" href="${escapeHtml(location)}">Continue</a></div>`,
  )
}

/** The transaction, or what its first arrival made of it: double clicks and reloads come here. */
async function takeOrWait(req: IncomingMessage, mount: Mount, state: string): Promise<Taken> {
  const deadline = Date.now() + mount.config.timeout * 1000
  for (;;) {
    const taken = await mount.transactions.take(req, state)
    if (taken.status !== 'taken' || Date.now() > deadline) return taken
    await wait(pollInterval)
  }
}

/** The login is done; a browser that lost the answer gets its session cookie once more. */
async function continueAs(
  req: IncomingMessage,
  res: ServerResponse,
  { sessions }: Mount,
  { returnTo, sessionId }: Outcome,
): Promise<void> {
  if (!sessions.login(req)) await sessions.adopt(req, sessionId)
  redirect(res, returnTo)
}

/**
 * Somebody who is signed in has a stale address before them, not a problem. For anybody else the
 * login begins again by itself, once; after that the page says what can be seen of the cause.
 */
async function withoutTransaction(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
  taken: Taken,
  params: URLSearchParams,
): Promise<void> {
  const home = `${mount.urls.basePath}/`
  if (mount.sessions.login(req)) return redirect(res, home)
  const error = lost(req, mount, taken)
  const flow = randomBytes(9).toString('base64url')
  error.flow = flow
  const answered = params.has('code') && isNavigation(req)
  const restarts = answered && mount.loginLoop.mayRestart(req, res)
  emit(restarts ? 'login.restarted' : 'login.failed', flow, () => ({
    error: error.code,
    facts: { ...factsOf(req, mount, params), detail: error.detail },
  }))
  if (!restarts) throw error
  await startLogin(req, res, mount, { returnTo: home })
}

function lost(req: IncomingMessage, { config }: Mount, taken: Taken): OAuthError {
  if (taken.status === 'expired') {
    return new OAuthError('ERR_TRANSACTION_EXPIRED', {
      detail: `callback: this login expired ${taken.minutesAgo} min ago; a login may take 15 min`,
    })
  }
  const cookies = taken.status === 'unknown' && taken.cookies
  const here = hostDifference(req, config.baseUrl)
  return new OAuthError('ERR_STATE_UNKNOWN', {
    detail: cookies
      ? `callback: the browser sent cookies, but none of this login: it began in another browser or on another host name, it is over already, or the session store has lost it (a memory store in more than one process, a restart)${here}`
      : `callback: the browser sent no cookie at all: cookies are blocked, or the login began on another host name or scheme than baseUrl${here}`,
  })
}
