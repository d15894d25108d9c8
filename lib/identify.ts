import type { IncomingMessage, ServerResponse } from 'node:http'
import { createAuth } from './auth.ts'
import type { Config } from './options.ts'
import { contextOf, RequestContext, setContext, type Mount } from './context.ts'
import { isOAuthError, type OAuthError } from './errors.ts'
import type { LoginRecord } from './session-content.ts'
import { softWindowOf } from './tokens/soft-window.ts'
import { ownToken, type TokenSet } from './tokens/token-set.ts'
import { endOf, type TokenVault } from './tokens/token-vault.ts'
import type { Auth, Next } from './types.ts'

export type MountedRequest = IncomingMessage & {
  auth?: Auth
  baseUrl?: string
  originalUrl?: string
}

/** Differs from process to process, so that they do not all refresh at the same moment. */
const salt = Math.floor(Math.random() * 64)

/** Puts `req.auth` on the request of a signed-in visitor: at once where nothing has to be awaited. */
export function identify(
  mount: Mount,
  req: MountedRequest,
  res: ServerResponse,
  next: Next,
  login: LoginRecord,
): void {
  const now = Date.now()
  const ready = mount.tokens(req).vault.peek(login.tokenSetId)
  if (
    ready &&
    isAlive(login, ready, mount.config, now) &&
    isUsable(mount, req, login, ready, now)
  ) {
    attach(mount, req, res, login, ready, undefined)
    return next()
  }
  load(mount, req, res, login, now).then(() => next(), next)
}

/** Records that nobody is signed in, or that nobody can say. */
export function anonymous(
  mount: Mount,
  req: MountedRequest,
  outage: OAuthError | undefined,
  isOwnRoute = false,
): void {
  const mountPath = mountPathOf(req)
  const known = contextOf(req)
  // Of two oauth() side by side the one counts that knows somebody.
  const isBeside = known?.mountPath === mountPath && !outage && !isOwnRoute
  if (known?.auth && isBeside) return
  // Who is signed in at an oauth() above this one is nobody here; what others put there is theirs.
  if (known?.auth && req.auth === known.auth) delete req.auth
  setContext(req, new RequestContext(mount, undefined, outage, mountPath))
}

/** Who sends this request, without changing anything: no refresh, no write. */
export async function authenticate(mount: Mount, req: IncomingMessage): Promise<Auth | undefined> {
  const login = mount.sessions.login(req)
  if (!login) return undefined
  const tokenSet = await mount.tokens(req).vault.read(login.tokenSetId)
  if (!tokenSet || !isAlive(login, tokenSet, mount.config, Date.now())) return undefined
  return authOf(mount, req, undefined, login, tokenSet, undefined)
}

function mountPathOf({ baseUrl, originalUrl, url = '/' }: MountedRequest): string {
  if (baseUrl !== undefined) return baseUrl
  if (originalUrl === undefined || originalUrl === url) return ''
  return originalUrl.endsWith(url) ? originalUrl.slice(0, originalUrl.length - url.length) : ''
}

function isAlive(login: LoginRecord, tokenSet: TokenSet, config: Config, now: number): boolean {
  return now < login.expiresAt && now < endOf(tokenSet, config)
}

/** Whether the tokens in memory need no waiting; starts the refresh behind the request if it is time. */
function isUsable(
  mount: Mount,
  req: IncomingMessage,
  login: LoginRecord,
  tokenSet: TokenSet,
  now: number,
): boolean {
  const token = tokenSet.accessTokens[ownToken]
  if (token?.expiresAt === undefined) return true
  const { refresh } = mount.config
  if (refresh === false || !tokenSet.refreshToken) return true
  const { refresher } = mount.tokens(req)
  if (token.expiresAt <= now) return refresher.failure(login.tokenSetId) !== undefined
  const jitter = ((login.tokenSetId.charCodeAt(0) + salt) % 64) / 64
  if (token.expiresAt - softWindowOf(token, refresh.softWindow, jitter) <= now) {
    refresher.refreshSoon(login.tokenSetId, tokenSet)
  }
  return true
}

/** The way of a request that has to wait: the store's answer, a refresh, or the end of the login. */
async function load(
  mount: Mount,
  req: MountedRequest,
  res: ServerResponse,
  login: LoginRecord,
  now: number,
): Promise<void> {
  const { vault } = mount.tokens(req)
  try {
    let tokenSet = await living(mount, vault, login, now)
    if (tokenSet && !isUsable(mount, req, login, tokenSet, now)) {
      tokenSet = await refreshed(mount, req, login, tokenSet)
    }
    if (tokenSet) return attach(mount, req, res, login, tokenSet, undefined)
    // The record in the session stays, dead as it is: an answer that changed the session would bring
    // back its id, and the browser would lose the one that a logout meanwhile has given it.
    anonymous(mount, req, undefined)
  } catch (error) {
    if (!isOAuthError(error)) throw error
    // Nobody is signed out by an outage; pages that need a login answer 503 until it is over.
    attach(mount, req, res, login, undefined, error)
  }
}

/** The tokens of a login whose time is not over; what this process remembers may be out of date. */
async function living(
  { config }: Mount,
  vault: TokenVault,
  login: LoginRecord,
  now: number,
): Promise<TokenSet | undefined> {
  const id = login.tokenSetId
  const remembered = await vault.read(id)
  if (!remembered || isAlive(login, remembered, config, now)) return remembered
  const stored = await vault.readStored(id)
  if (!stored || isAlive(login, stored, config, now)) return stored
  await vault.remove(id)
  return undefined
}

/** A page that does not ask for tokens never fails because of them. */
async function refreshed(
  mount: Mount,
  req: IncomingMessage,
  { tokenSetId }: LoginRecord,
  tokenSet: TokenSet,
): Promise<TokenSet | undefined> {
  const { refresher, vault } = mount.tokens(req)
  try {
    return await refresher.fresh(tokenSetId, tokenSet, {})
  } catch (error) {
    if (!isOAuthError(error)) throw error
    // Only a removed token set is the end of the login; anything else leaves it as it is.
    return error.code === 'ERR_LOGIN_EXPIRED' ? vault.readStored(tokenSetId) : tokenSet
  }
}

function authOf(
  mount: Mount,
  req: IncomingMessage,
  res: ServerResponse | undefined,
  login: LoginRecord,
  tokenSet: TokenSet | undefined,
  outage: OAuthError | undefined,
): Auth {
  const { refresher } = mount.tokens(req)
  return createAuth(login, refresher, mount.config.fetch, res, tokenSet, outage)
}

function attach(
  mount: Mount,
  req: MountedRequest,
  res: ServerResponse,
  login: LoginRecord,
  tokenSet: TokenSet | undefined,
  outage: OAuthError | undefined,
): void {
  const auth = authOf(mount, req, res, login, tokenSet, outage)
  req.auth = auth
  setContext(req, new RequestContext(mount, auth, outage, mountPathOf(req)))
  if (tokenSet) noteActivity(mount, req, login, tokenSet)
}

/**
 * Written once in a while, behind the request, and not into the session: an answer that changes the
 * session can bring one back that a logout has ended meanwhile.
 */
function noteActivity(
  mount: Mount,
  req: IncomingMessage,
  { tokenSetId }: LoginRecord,
  tokenSet: TokenSet,
): void {
  const { countsAsActivity, idle } = mount.config.lifetime
  if (Date.now() - tokenSet.seenAt < (idle * 1000) / 10) return
  if (countsAsActivity && !countsAsActivity(req)) return
  // The next request tries again; the vault has published what was wrong.
  mount
    .tokens(req)
    .vault.touch(tokenSetId, tokenSet)
    .catch(() => undefined)
}
