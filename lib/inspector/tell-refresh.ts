import { rfc } from '../error-advice.ts'
import type { FlowEvent } from '../events.ts'
import { listOf, textOf } from './flow.ts'
import { failureOf, type Tellers } from './story.ts'
import { clientAuthentication, pathOfEndpoint, span } from './words.ts'

const reasons: Readonly<Record<string, string>> = {
  expired: 'The request that needs the token waits for the new one.',
  soon: 'The request goes on with the old token while a new one is fetched behind it.',
  forced: 'An API has refused the old one, or the app asked for a new one.',
}

function titleOf(event: FlowEvent): string {
  const left = Number(textOf(event, 'expiresIn') || Number.NaN)
  if (Number.isNaN(left) || textOf(event, 'reason') === 'forced')
    return 'a new access token is wanted'
  if (left > 0) return `the access token expires in ${span(left * 1000)}`
  return `the access token expired ${span(-left * 1000)} ago`
}

const ends: Readonly<Record<string, string>> = {
  dead: 'The login is over: the next page view leads to a new one.',
  transient: 'The login stays; the next request tries again after a short pause.',
  misconfigured: 'The login stays; the operator has something to correct.',
  unchanged: 'The login stays, and so do its other tokens.',
}

/** How an access token is renewed, event by event. */
export const refreshTellers: Tellers = {
  'refresh.started'(event, story) {
    const resource = textOf(event, 'resource')
    story.note(event, 'app', 'app', {
      title: titleOf(event),
      text: reasons[textOf(event, 'reason')] ?? '',
      details: [
        `token set: ${textOf(event, 'tokenSet')}`,
        `version: ${textOf(event, 'version')}`,
        ...(resource ? [`resource: ${resource}`] : []),
      ],
      reference: rfc(6749, '1.5'),
    })
  },
  'refresh.claimed'(event, story) {
    story.request(event, 'app', 'store', {
      title: 'claim the refresh',
      text: 'Refresh tokens often work only once, so of all requests and processes one refreshes and the others wait.',
      reference: rfc(9700, '4.14.2'),
    })
  },
  'refresh.waited'(event, story) {
    story.answer(event, 'store', 'app', {
      title: 'somebody else has the claim',
      text: 'Another process is refreshing these tokens; this one waits for what it stores.',
    })
  },
  'refresh.adopted'(event, story) {
    story.answer(event, 'store', 'app', {
      title: `version ${textOf(event, 'version')} is there already`,
      text: 'Somebody else was faster; the authorization server is not asked again.',
    })
  },
  'refresh.requested'(event, story) {
    story.request(event, 'app', 'provider', {
      title: `POST ${pathOfEndpoint(event)}`,
      text: 'From server to server: the refresh token for a new access token.',
      details: [...listOf(event, 'parameters'), ...clientAuthentication(event)],
      reference: rfc(6749, '6'),
    })
  },
  'refresh.persisted'(event, story) {
    story.answer(event, 'provider', 'app', {
      title: '200 tokens',
      text: 'What the answer leaves out stays as it was.',
      details: listOf(event, 'parameters'),
      reference: rfc(6749, '5.1'),
    })
    const rotated = event.facts['rotated'] === true
    story.request(event, 'app', 'store', {
      title: `keep version ${textOf(event, 'version')}`,
      text: 'Stored before anybody uses it, and only over the version that it was made from.',
      details: [`refresh token: ${rotated ? 'replaced' : 'kept'}`],
    })
  },
  'refresh.failed'(event, story) {
    story.fail(event, failureOf(event))
    const outcome = textOf(event, 'outcome')
    story.note(event, 'app', 'app', {
      title: outcome === 'dead' ? 'the login ends' : 'the login stays',
      text: ends[outcome] ?? '',
      duration: undefined,
    })
  },
}
