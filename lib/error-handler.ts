import type { IncomingMessage, ServerResponse } from 'node:http'
import { contextOf, type Mount } from './context.ts'
import { sendError, type PageAction } from './error-page.ts'
import { isOAuthError, type OAuthError } from './errors.ts'
import { appHandlesErrors } from './express-stack.ts'
import { isNavigation } from './navigation.ts'
import { returnToOf, startLogin, urlToComeBack } from './routes/login.ts'
import { sessionLoadFailure } from './session.ts'
import type { Next } from './types.ts'

type ErrorMiddleware = (
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: Next,
) => void

/** Hands an error of ours to whoever is to answer it: `onError`, the app, or the default page. */
export async function handleFailure(
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: Next,
  mount: Mount | undefined,
): Promise<void> {
  if (res.headersSent || !isOAuthError(error)) return next(error)
  try {
    await mount?.config.onError?.(error, req, res)
    if (res.headersSent || res.writableEnded) return
    if (appHandlesErrors(req)) return next(error)
    answerError(error, req, res, mount)
  } catch (failure) {
    next(failure)
  }
}

function answerError(
  error: OAuthError,
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount | undefined,
): void {
  const signIn = mount && urlToComeBack(req, mount)
  if (error.status === 401) {
    res.setHeader('WWW-Authenticate', `Session realm="${mount?.urls.origin ?? ''}"`)
    if (signIn && req.headers['hx-request']) res.setHeader('HX-Redirect', signIn)
  }
  const problem: Record<string, string> =
    signIn && error.status === 401 ? { login_url: signIn } : {}
  sendError(req, res, error, { actions: mount ? actionsFor(error, req, mount) : [], problem })
}

function actionsFor(error: OAuthError, req: IncomingMessage, mount: Mount): PageAction[] {
  const home = { text: 'Home', href: `${mount.urls.basePath}/` }
  if (error.status === 405 || error.code === 'ERR_FORBIDDEN' || error.code === 'ERR_CROSS_SITE') {
    return [home]
  }
  const text = error.status === 401 ? 'Sign in' : 'Try again'
  return [{ text, href: urlToComeBack(req, mount) }, home]
}

/**
 * An error handler for the end of the chain: an error of this package becomes a sign-in where one
 * helps (`ERR_LOGIN_EXPIRED` on a navigation), else a page for people and problem+json (RFC 9457)
 * for programs. So does the failure of the app's own session store, which express-session reports
 * before `oauth()` is asked. Errors of others are passed on.
 *
 * @example
 * app.use(errorHandler())
 */
export function errorHandler(): ErrorMiddleware {
  return function oauthErrorHandler(cause, req, res, next) {
    const context = contextOf(req)
    const error = context || isOAuthError(cause) ? cause : sessionLoadFailure(req, cause)
    if (!isOAuthError(error) || res.headersSent) return next(cause)
    const mount = context?.mount
    if (!mount || !callsForLogin(error, req)) return answerError(error, req, res, mount)
    void signInAgain(req, res, next, mount)
  }
}

async function signInAgain(
  req: IncomingMessage,
  res: ServerResponse,
  next: Next,
  mount: Mount,
): Promise<void> {
  try {
    await startLogin(req, res, mount, { returnTo: returnToOf(req, mount) })
  } catch (failure) {
    if (isOAuthError(failure) && !res.headersSent) answerError(failure, req, res, mount)
    else next(failure)
  }
}

const callsForLogin = (error: OAuthError, req: IncomingMessage): boolean =>
  error.code === 'ERR_LOGIN_EXPIRED' && req.method === 'GET' && isNavigation(req)
