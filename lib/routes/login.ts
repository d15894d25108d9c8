import type { IncomingMessage, ServerResponse } from 'node:http'
import { contextOf, type Mount } from '../context.ts'
import { OAuthError } from '../errors.ts'
import { emit, newFlow } from '../events.ts'
import { addressOf, cookieShapes, pathOnly, shapesOf } from '../mask.ts'
import { originalUrlOf, queryOf } from '../navigation.ts'
import { printable } from '../printable.ts'
import { redirect } from '../redirect.ts'
import { parseReturnTo } from '../return-to.ts'
import { scopeList } from '../tokens/token-set.ts'
import { codeChallenge, randomValue, type Transaction } from '../transaction.ts'
import { warnOnce } from '../warnings.ts'
import { requireMethod } from './require-method.ts'

/** What one login asks for beyond the configuration. */
export interface LoginRequest {
  /** Path, query and fragment on our own origin. */
  readonly returnTo: string
  /** Parameters that the page chose, of those that it may choose. */
  readonly params?: Readonly<Record<string, string>>
  readonly maxAge?: number
  readonly acrValues?: readonly string[]
}

/** `/login`: begins a login and comes back to `return_to`. */
export async function login(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
): Promise<void> {
  requireMethod(req, res, ['GET'])
  const query = queryOf(req)
  const { config, urls } = mount
  const returnTo = parseReturnTo(query.get('return_to'), config.baseUrl, urls.own)
  const chosen = config.loginParams.flatMap((name) => {
    const value = query.get(name)
    return value ? [[name, value]] : []
  })
  await startLogin(req, res, mount, {
    returnTo: returnTo ?? `${urls.basePath}/`,
    params: Object.fromEntries(chosen) as Record<string, string>,
  })
}

/** Stores the pending login and sends the browser to the provider (RFC 6749 section 4.1.1). */
export async function startLogin(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
  request: LoginRequest,
): Promise<void> {
  const { config, loginLoop, provider, sessions, transactions } = mount
  const flow = newFlow()
  const started = Date.now()
  emit('login.started', flow, () => ({
    facts: {
      method: req.method,
      path: pathOnly(originalUrlOf(req)),
      returnTo: pathOnly(request.returnTo),
    },
  }))
  try {
    const outage = contextOf(req)?.outage
    if (outage) throw outage
    if (loginLoop.isLooping(req)) throw loop()
    sessions.store(req)
    requireSettableCookie(req, mount)
    if (hostDifference(req, config.baseUrl)) warnOnce('WARN_HOST_DIFFERS')
    // Asked first, so that nothing is stored while the provider is down.
    const scope = config.scope ?? (await provider.defaultScope())
    const transaction = newTransaction(mount, request, scope, flow)
    const url = await provider.authorizationUrl(parametersOf(req, mount, request, transaction))
    await transactions.begin(req, res, transaction)
    emit('login.transaction_saved', flow, () => ({
      facts: {
        parameters: shapesOf([
          ['state', transaction.state],
          ['nonce', transaction.nonce],
          ['code_verifier', transaction.codeVerifier],
          ['redirect_uri', transaction.redirectUri],
        ]),
        returnTo: pathOnly(request.returnTo),
      },
    }))
    emit('login.redirected', flow, () => ({
      duration: Date.now() - started,
      facts: {
        endpoint: addressOf(url),
        parameters: shapesOf(url.searchParams),
        cookies: cookieShapes(res.getHeader('set-cookie')),
      },
    }))
    redirect(res, url.href)
  } catch (error) {
    throw failed(error, flow, started)
  }
}

function failed(error: unknown, flow: string, started: number): unknown {
  if (error instanceof OAuthError) error.flow ??= flow
  emit('login.failed', flow, () => ({
    duration: Date.now() - started,
    ...(error instanceof OAuthError
      ? { error: error.code, facts: { detail: error.detail } }
      : { facts: { detail: 'an error that is not ours' } }),
  }))
  return error
}

function newTransaction(
  { config, provider, urls }: Mount,
  request: LoginRequest,
  scope: readonly string[],
  flow: string,
): Transaction {
  return {
    state: randomValue(),
    nonce: provider.openid ? randomValue() : undefined,
    codeVerifier: randomValue(),
    returnTo: request.returnTo,
    redirectUri: urls.redirectUri,
    flow,
    startedAt: Date.now(),
    scope,
    maxAge: request.maxAge ?? config.maxAge,
    acrValues: request.acrValues ?? config.acrValues,
  }
}

function parametersOf(
  req: IncomingMessage,
  { config }: Mount,
  request: LoginRequest,
  transaction: Transaction,
): Record<string, string> {
  const { authorizationParams, prompt, responseMode } = config
  const { acrValues, codeVerifier, maxAge, nonce, redirectUri, scope, state } = transaction
  return {
    ...(prompt === undefined ? {} : { prompt }),
    ...(typeof authorizationParams === 'function' ? authorizationParams(req) : authorizationParams),
    ...request.params,
    redirect_uri: redirectUri,
    ...(scope.length > 0 ? { scope: scopeList(scope).join(' ') } : {}),
    state,
    ...(nonce === undefined ? {} : { nonce }),
    code_challenge: codeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...(responseMode === 'query' ? {} : { response_mode: responseMode }),
    ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
    ...(acrValues === undefined ? {} : { acr_values: acrValues.join(' ') }),
  }
}

const loop = () =>
  new OAuthError('ERR_LOGIN_LOOP', {
    detail:
      'login: this browser has finished several logins within a minute and is still not signed in. Either it does not keep the session cookie (see the attributes of Set-Cookie on the answer of the callback), the session store loses the session (a memory store in more than one process), or requireAuth() demands what the provider does not give',
  })

/** What the request says about where it was sent, if that is not where the app says it lives. */
export function hostDifference(req: IncomingMessage, baseUrl: URL): string {
  const forwarded = req.headers['x-forwarded-host']
  const host = String(forwarded ?? req.headers.host ?? baseUrl.host)
  return host === baseUrl.host
    ? ''
    : `; this request came to the host '${printable(host, 100)}', and baseUrl says '${baseUrl.host}'`
}

/** Better here than after the sign-in, when the browser comes back without the cookie. */
function requireSettableCookie(req: IncomingMessage, { config, sessions, urls }: Mount): void {
  const path = sessions.cookiePath(req)
  if (!urls.redirectUri.slice(urls.origin.length).startsWith(path)) {
    throw new OAuthError('ERR_SESSION_COOKIE_NOT_SETTABLE', {
      detail: `the session cookie has the path '${path}', so browsers do not send it to ${urls.redirectUri}; write cookie: { path: '/' }`,
    })
  }
  if (sessions.cookieSettable(req)) return
  const proto = req.headers['x-forwarded-proto']
  throw new OAuthError('ERR_SESSION_COOKIE_NOT_SETTABLE', {
    detail: proto
      ? `the session cookie is Secure, but Express takes this request for http: X-Forwarded-Proto is '${String(proto).slice(0, 20)}' and 'trust proxy' does not cover it. Write app.set('trust proxy', 1), or session: { proxy: true } without Express`
      : `the session cookie is Secure, but this request came by http and without X-Forwarded-Proto. ${config.baseUrl.protocol === 'http:' ? 'baseUrl is http too, so write cookie: { secure: false }' : `Open ${config.baseUrl.origin}, or let the proxy send that header`}`,
  })
}

/** The public address of this request: what a proxy cut off before us is put back. */
export function returnToOf(
  req: IncomingMessage & { originalUrl?: string },
  { config, urls }: Mount,
): string {
  const mountPath = contextOf(req)?.mountPath ?? ''
  const cutByProxy = urls.basePath.endsWith(mountPath)
    ? urls.basePath.slice(0, urls.basePath.length - mountPath.length)
    : ''
  const here =
    req.method === 'GET' ? cutByProxy + (req.originalUrl ?? req.url ?? '/') : refererOf(req)
  return parseReturnTo(here, config.baseUrl, urls.own) ?? `${urls.basePath}/`
}

/** A form cannot be sent again after the login, but the page it stood on can be shown again. */
const refererOf = (req: IncomingMessage): string => req.headers.referer ?? '/'

/** `/login` with the way back to this request. */
export function urlToComeBack(req: IncomingMessage, mount: Mount): string {
  return `${mount.urls.login}?return_to=${encodeURIComponent(returnToOf(req, mount))}`
}
