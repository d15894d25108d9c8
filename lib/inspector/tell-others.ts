import { rfc, rpLogout, type Reference } from '../error-advice.ts'
import type { FlowEvent } from '../events.ts'
import { listOf, textOf } from './flow.ts'
import { failureOf, statusOf, type Failure, type Tellers } from './story.ts'
import { clientAuthentication, pathOfEndpoint } from './words.ts'

/** How somebody signs out, event by event. */
export const logoutTellers: Tellers = {
  'logout.started'(event, story) {
    story.request(event, 'browser', 'app', {
      title: `${textOf(event, 'method')} ${textOf(event, 'path')}`,
      text: 'A click on this very site; no other site can bring it about.',
      details: [`token set: ${textOf(event, 'tokenSet')}`],
    })
  },
  'logout.session_ended'(event, story) {
    story.request(event, 'app', 'store', {
      title: 'remove tokens, end session',
      text: 'First of all, so that no request that is still under way can bring the login back.',
    })
  },
  'logout.revocation_requested'(event, story) {
    story.request(event, 'app', 'provider', {
      title: `POST ${pathOfEndpoint(event)}`,
      text: 'The refresh token is handed back, so that it is worth nothing any more.',
      details: [...listOf(event, 'parameters'), ...clientAuthentication(event)],
      reference: rfc(7009, '2.1'),
    })
  },
  'logout.revocation_completed'(event, story) {
    if (event.facts['supported'] === false) {
      story.drop()
      return story.note(event, 'app', 'app', {
        title: 'nothing to revoke at',
        text: 'The authorization server has no revocation endpoint; the tokens expire by themselves.',
      })
    }
    story.answer(event, 'provider', 'app', { title: '200', text: 'The refresh token is revoked.' })
  },
  'logout.revocation_failed'(event, story) {
    story.answer(event, 'provider', 'app', {
      title: 'not revoked',
      text: 'Nobody is kept signed in because of that; the token expires by itself.',
      tone: 'failed',
      failure: failureOf(event),
    })
  },
  'logout.completed'(event, story) {
    story.answer(event, 'app', 'browser', {
      title: `303 to ${textOf(event, 'returnTo')}`,
      text: 'Signed out here.',
      duration: undefined,
    })
  },
  'logout.redirected'(event, story) {
    story.amend(({ title }) => title.startsWith('303 '), {
      title: '303 to the authorization server',
      text: 'Signed out here; the session over there ends next.',
    })
    story.request(event, 'browser', 'provider', {
      title: `GET ${pathOfEndpoint(event)}`,
      text: 'The browser asks the authorization server to end its session too, and comes back from there.',
      details: listOf(event, 'parameters'),
      reference: rpLogout,
    })
  },
  'logout.failed'(event, story) {
    story.fail(event, failureOf(event))
    story.answer(event, 'app', 'browser', {
      title: `${statusOf(event)} error page`,
      text: 'The visitor reads a plain sentence and can try again.',
    })
  },
}

/** How an API is called with the access token, event by event. */
export const apiTellers: Tellers = {
  'api.requested'(event, story) {
    story.request(event, 'app', 'api', {
      title: `${textOf(event, 'method')} ${textOf(event, 'path')}`,
      text: 'The access token goes in the header of the request. Its digest shows which login or refresh it came from.',
      details: listOf(event, 'parameters'),
      reference: rfc(6750, '2.1'),
    })
  },
  'api.completed'(event, story) {
    const status = Number(event.facts['status'])
    const failed = status >= 400
    story.answer(event, 'api', 'app', {
      title: String(status),
      text: failed
        ? 'The resource server refused.'
        : 'The resource server knows the token and answers.',
      ...(failed ? { tone: 'failed', failure: refusalOf(status) } : {}),
    })
  },
  'api.retried'(event, story) {
    story.amend(({ shape, from }) => shape === 'answer' && from === 'api', {
      tone: 'plain',
      failure: undefined,
    })
    story.within('retry')
    story.note(event, 'app', 'app', {
      title: 'once more, with a new token',
      text: 'The refused token was replaced, so the same request is worth one more try.',
      details: [`refused: ${textOf(event, 'refused')}`],
      reference: rfc(6750, '3.1'),
    })
  },
  'api.failed'(event, story) {
    story.answer(event, 'api', 'app', {
      title: 'no answer',
      text: 'The connection failed.',
      tone: 'failed',
      failure: silenceOf(event),
    })
  },
}

const silenceOf = (event: FlowEvent): Failure => ({
  code: 'no answer',
  seen: textOf(event, 'detail'),
  cause: 'The resource server could not be reached, or the request was given up.',
  fix: 'Check its address and whether it runs; req.auth.fetch rejects with the reason.',
  reference: rfc(9110, '15.6.5'),
})

const refusals: Readonly<Record<number, readonly [cause: string, fix: string, Reference]>> = {
  401: [
    'The resource server does not accept this access token.',
    'Compare what it expects as audience and issuer with what the authorization server puts in (resource or audience parameter).',
    rfc(6750, '3.1'),
  ],
  403: [
    'The token is valid, but it does not allow this.',
    'Ask for the scope that the resource server names in WWW-Authenticate.',
    rfc(6750, '3.1'),
  ],
}

function refusalOf(status: number): Failure {
  const [cause, fix, reference] = refusals[status] ?? [
    status < 500 ? 'The resource server refused the request.' : 'The resource server failed.',
    'Its own log says more; the token was not what it complained about.',
    rfc(9110, status < 500 ? '15.5' : '15.6'),
  ]
  return {
    code: String(status),
    seen: `the resource server answered ${status}`,
    cause,
    fix,
    reference,
  }
}
