import type { IncomingMessage, ServerResponse } from 'node:http'
import escapeHtml from 'escape-html'
import type { Mount } from '../context.ts'
import { sendPage } from '../error-page.ts'
import { emit } from '../events.ts'
import { redirect } from '../redirect.ts'
import { callbackFacts } from './callback-facts.ts'
import { lostLogin, withoutTransaction } from './lost-login.ts'

/** Coming from another site, a posted answer has no Lax session cookie, and no answer a Strict one. */
export function isWithoutSession(
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
export async function park(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
  state: string,
  params: URLSearchParams,
): Promise<void> {
  const isStrict = mount.sessions.isStrict(req)
  const flow = await mount.transactions.park(req, state, params.toString())
  if (flow) {
    emit('login.callback_parked', flow, () => ({
      facts: { ...callbackFacts(req, mount, params), strict: isStrict },
    }))
  } else {
    const taken = await mount.transactions.take(req, state)
    if (taken.status !== 'done' && taken.status !== 'taken') {
      // The mark of a restart is a Lax cookie too, so a posted answer must not begin again.
      if (req.method === 'POST') throw lostLogin(req, mount, taken)
      return withoutTransaction(req, res, mount, taken, params)
    }
  }
  const next = `${mount.urls.redirectUri}?state=${encodeURIComponent(state)}`
  if (isStrict) return goOnFromHere(res, next)
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
