import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Mount } from '../context.ts'
import { OAuthError } from '../errors.ts'
import { emit, newFlow } from '../events.ts'
import { authenticate } from '../identify.ts'
import { isNavigation } from '../navigation.ts'
import { redirect } from '../redirect.ts'
import type { Taken } from '../transaction.ts'
import { callbackFacts } from './callback-facts.ts'
import { hostDifference, startLogin } from './login.ts'

/**
 * Somebody who is signed in has a stale address before them, not a problem. For anybody else the
 * login begins again by itself, once; after that the page says what can be seen of the cause.
 */
export async function withoutTransaction(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
  taken: Taken,
  params: URLSearchParams,
): Promise<void> {
  const home = `${mount.urls.basePath}/`
  if (await authenticate(mount, req)) return redirect(res, home)
  const error = lostLogin(req, mount, taken)
  const flow = newFlow()
  error.flow = flow
  const answered = params.has('code') && isNavigation(req)
  const restarts = answered && mount.loginLoop.mayRestart(req, res)
  emit(restarts ? 'login.restarted' : 'login.failed', flow, () => ({
    error: error.code,
    facts: { ...callbackFacts(req, mount, params), detail: error.detail },
  }))
  if (!restarts) throw error
  await startLogin(req, res, mount, { returnTo: home })
}

/** The cause of a lost login, as far as it can be seen from here. */
export function lostLogin(req: IncomingMessage, { config }: Mount, taken: Taken): OAuthError {
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
