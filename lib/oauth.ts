import type { IncomingMessage, ServerResponse } from 'node:http'
import { readConfig } from './config.ts'
import type { Config, OAuthOptions } from './options.ts'
import { isProduction } from './environment.ts'
import type { Mount, MountUrls, Tokens } from './context.ts'
import { handleFailure } from './error-handler.ts'
import { isOAuthError, OAuthError } from './errors.ts'
import { startFlowLog } from './flow-log.ts'
import { anonymous, authenticate, identify, type MountedRequest } from './identify.ts'
import { pathOf } from './navigation.ts'
import { sessionMountOf } from './express-stack.ts'
import { createLoginLoop } from './login-loop.ts'
import { createProvider } from './provider.ts'
import { callback } from './routes/callback.ts'
import { login } from './routes/login.ts'
import { logout } from './routes/logout.ts'
import { createSessions } from './session.ts'
import { defaultTokenStore } from './stores/default-store.ts'
import { createRefresher } from './tokens/refresh.ts'
import { createTokenVault } from './tokens/token-vault.ts'
import { createTransactions } from './transaction.ts'
import type { Auth, Middleware, Next } from './types.ts'
import { warnOnce } from './warnings.ts'

type Route = (req: IncomingMessage, res: ServerResponse, mount: Mount) => Promise<void>

/** The middleware, and what an app may want of it beside requests. */
export interface OAuthMiddleware extends Middleware {
  /** Discovery now, for health checks; rejects with the reason when the provider cannot be reached. */
  ready(): Promise<void>
  /** What has to be registered at the provider as redirect URI. */
  readonly redirectUri: string
  /**
   * Who sends this request, read-only: for WebSocket upgrades and other requests that never get an
   * answer through the middleware. Needs the session on `req`.
   */
  authenticate(req: IncomingMessage): Promise<Auth | undefined>
  /** Ends what the middleware opened itself; stores and clients of the app stay open. */
  close(): Promise<void>
}

function urlsOf({ baseUrl, routes }: Config): MountUrls {
  const basePath = baseUrl.pathname.replace(/\/+$/, '')
  const at = (route: string) => basePath + route
  return {
    origin: baseUrl.origin,
    basePath,
    redirectUri: baseUrl.origin + at(routes.callback),
    login: at(routes.login),
    logout: at(routes.logout),
    own: new Set(Object.values(routes).map(at)),
  }
}

function createMount(config: Config): Mount & { close(): Promise<void> } {
  const provider = createProvider(config)
  const sessions = createSessions(config)
  let tokens: (Tokens & { close(): Promise<void> }) | undefined

  const open = (req: IncomingMessage) => {
    const store = config.tokenStore ?? defaultTokenStore(sessions.store(req))
    if (isProduction() && sessions.isInMemory(req)) warnOnce('WARN_SESSION_MEMORY_STORE')
    const vault = createTokenVault(config, store)
    const close = async () => (config.tokenStore ? undefined : store.close?.())
    return { vault, refresher: createRefresher(config, vault, provider), close }
  }
  const tokensFor = (req: IncomingMessage) => (tokens ??= open(req))

  return {
    config,
    provider,
    sessions,
    urls: urlsOf(config),
    loginLoop: createLoginLoop(config),
    tokens: tokensFor,
    transactions: createTransactions(config, sessions, (req, id, lifetime) =>
      tokensFor(req).vault.takeOnce(id, lifetime),
    ),
    close: async () => tokens?.close(),
  }
}

/**
 * The whole sign-in as one middleware: serves `/login`, `/callback` and `/logout` below the place
 * where it is mounted, and puts `req.auth` on every request of a signed-in visitor.
 *
 * @example
 * app.use(oauth({
 *   issuer: 'https://idp.example.com',
 *   clientId: process.env.CLIENT_ID,
 *   clientSecret: process.env.CLIENT_SECRET,
 *   baseUrl: 'https://app.example.com',
 *   secret: process.env.APP_SECRET,
 * }))
 * @throws {OAuthError} `ERR_CONFIG_INVALID` at start-up: names the option and what to write.
 * @see RFC 6749 section 4.1, RFC 7636, RFC 9207, OpenID Connect Core 1.0 section 3.1
 */
export function oauth(options: OAuthOptions = {}): OAuthMiddleware {
  requireOptions(options)
  const config = readConfig(options)
  startFlowLog()
  const mount = createMount(config)
  const { sessions, urls } = mount
  const routes = new Map<string, Route>([
    [config.routes.login, login],
    [config.routes.callback, callback],
    [config.routes.logout, logout],
  ])

  const withSession = (
    req: MountedRequest,
    res: ServerResponse,
    next: Next,
    outage?: OAuthError,
  ) => {
    if (!outage) sessions.guardCookie(req, res)
    const route = routes.get(pathOf(req))
    const record = outage ? undefined : sessions.login(req)
    if (record) sessions.checkResave(req, res)
    if (!route && record) return identify(mount, req, res, next, record)
    anonymous(mount, req, outage, route !== undefined)
    if (!route) return next()
    route(req, res, mount).catch((error: unknown) => handleFailure(error, req, res, next, mount))
  }

  const sessionMount = sessionMountOf(oauthMiddleware)
  let appHasSession = false
  function oauthMiddleware(req: IncomingMessage, res: ServerResponse, next: Next): void {
    if (sessions.has(req)) {
      appHasSession = true
      return withSession(req, res, next)
    }
    const mounted = sessionMount(req)
    if (mounted === 'after') warnOnce('WARN_SESSION_MOUNTED_AFTER')
    if (config.session === false || appHasSession || mounted === 'before') {
      return withSession(req, res, next, missingSession())
    }
    let opened = false
    sessions.open(req, res, (error) => {
      // express-session reports a failed save at the end of the answer through the same callback.
      if (opened) return next(error)
      opened = true
      const missing = sessions.has(req) ? undefined : missingSession()
      withSession(req, res, next, error ? sessionOutage(error) : missing)
    })
  }

  const middleware = oauthMiddleware as Partial<OAuthMiddleware> & Middleware
  return Object.assign(middleware, {
    redirectUri: urls.redirectUri,
    ready: () => mount.provider.ready(),
    close: () => mount.close(),
    authenticate: (req: IncomingMessage) => authenticate(mount, req),
  })
}

/** `app.use(oauth)` calls us with a request; that mistake deserves its own sentence. */
function requireOptions(options: unknown): void {
  const isRequest =
    typeof options === 'object' && options !== null && 'headers' in options && 'url' in options
  if (!isRequest && typeof options === 'object' && options !== null) return
  throw new OAuthError('ERR_CONFIG_INVALID', {
    detail: isRequest
      ? 'oauth(): it was mounted without being called; write app.use(oauth({ ... })), not app.use(oauth)'
      : `oauth(): takes an object of options, received ${options === null ? 'null' : typeof options}`,
  })
}

/** Without a session although there should be one: express-session does that while its store is away. */
const missingSession = () =>
  new OAuthError('ERR_SESSION_STORE_UNAVAILABLE', {
    detail:
      'oauth(): express-session gave this request no session: its store is disconnected, its cookie path does not cover this address, or it is not mounted before oauth()',
    retryAfter: 5,
  })

const sessionOutage = (cause: unknown) =>
  isOAuthError(cause)
    ? cause
    : new OAuthError('ERR_SESSION_STORE_UNAVAILABLE', {
        detail: 'the session store reported an error; see the cause',
        retryAfter: 5,
        cause,
      })
