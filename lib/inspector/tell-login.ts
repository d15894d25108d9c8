import { core, rfc } from '../error-advice.ts'
import type { FlowEvent } from '../events.ts'
import { listOf, textOf } from './flow.ts'
import { failureOf, statusOf, type Step, type Story, type Tellers } from './story.ts'
import { clientAuthentication, pathOfEndpoint } from './words.ts'

const isPerson = ({ shape, from, to }: Step) =>
  shape === 'note' && from === 'browser' && to === 'provider'
const isCallback = ({ shape, from, to }: Step) =>
  shape === 'request' && from === 'browser' && to === 'app'
const kept = 'keep the answer for a moment'
const isImpliedAnswer = ({ title, details }: Step) => title === '200 tokens' && details.length === 0

/** How a login goes, event by event. */
export const loginTellers: Tellers = {
  'login.started'(event, story) {
    story.request(event, 'browser', 'app', {
      title: `${textOf(event, 'method')} ${textOf(event, 'path')}`,
      text: 'The browser asks for a page that needs a sign-in, and nobody is signed in. The app remembers where to come back to.',
      details: [`return to: ${textOf(event, 'returnTo')}`],
      reference: rfc(6749, '4.1'),
    })
  },
  'login.transaction_saved'(event, story) {
    story.request(event, 'app', 'store', {
      title: 'keep the pending login',
      text: 'State, nonce and code verifier are random. The verifier never leaves the server; a signed cookie ties the pending login to this browser for a quarter of an hour.',
      details: listOf(event, 'parameters'),
      reference: rfc(7636, '4.1'),
    })
  },
  'login.redirected'(event, story) {
    story.answer(event, 'app', 'browser', {
      title: '303 to the authorization server',
      text: 'The browser is sent away with the authorization request in the address.',
      details: setCookies(event),
    })
    story.request(event, 'browser', 'provider', {
      title: `GET ${pathOfEndpoint(event)}`,
      text: 'The authorization request. It holds no secret: the state comes back unchanged, the code challenge is only the digest of the code verifier.',
      details: listOf(event, 'parameters'),
      reference: rfc(6749, '4.1.1'),
    })
    story.note(event, 'browser', 'provider', {
      title: 'the person signs in and agrees, and this app never sees a password',
      text: 'That happens on the pages of the authorization server, in as many steps as it likes.',
      tone: 'pending',
      duration: undefined,
    })
  },
  'login.callback_parked'(event, story) {
    tellReturn(event, story)
    story.request(event, 'app', 'store', {
      title: kept,
      text: 'The request came from another site, so the session cookie was not with it. The answer waits beside the pending login.',
    })
    const strict = event.facts['strict'] === true
    story.answer(event, 'app', 'browser', {
      title: strict ? '200 page that goes on by itself' : `303 to ${textOf(event, 'path')}`,
      text: strict
        ? 'A redirect would still count as coming from the other site; what a page of ours asks for does not.'
        : 'Once more, and now from this very site.',
    })
  },
  'login.callback_received'(event, story) {
    if (!story.steps.some(({ title }) => title === kept)) return tellReturn(event, story)
    story.request(event, 'browser', 'app', {
      title: `GET ${textOf(event, 'path')}`,
      text: 'Now the session cookie is there, and the answer that was kept is looked at.',
      details: [requestCookies(event)],
    })
  },
  'login.transaction_taken'(event, story) {
    story.answer(event, 'store', 'app', {
      title: 'the pending login, handed out once',
      text: 'Found by its state, and only with the cookie of the browser that began it. It is removed before the code is spent, so a second arrival finds nothing.',
      details: [...listOf(event, 'parameters'), `begun: ${textOf(event, 'secondsAgo')} s ago`],
      reference: rfc(9700, '4.7'),
    })
  },
  'login.code_exchange_requested'(event, story) {
    const answered = story.steps.findLast(isCallback)?.details ?? []
    const issuer = answered.some((detail) => detail.startsWith('iss:'))
    story.note(event, 'app', 'app', {
      title: 'the answer is checked',
      text: 'Before the code is spent: the state belongs to this browser, the answer is no error, and it comes from the issuer that was asked.',
      details: ['✓ state', '✓ cookie', ...(issuer ? ['✓ iss'] : [])],
      reference: rfc(9207, '2.4'),
    })
    story.request(event, 'app', 'provider', {
      title: `POST ${pathOfEndpoint(event)}`,
      text: 'From server to server: the code, and the code verifier that proves that whoever began this login also ends it.',
      details: [...listOf(event, 'parameters'), ...clientAuthentication(event)],
      reference: rfc(6749, '4.1.3'),
    })
  },
  'login.code_exchange_completed'(event, story) {
    const details = listOf(event, 'parameters')
    if (!story.amend(isImpliedAnswer, { details })) tellTokens(event, story, details)
  },
  'login.id_token_verified'(event, story) {
    story.note(event, 'app', 'app', {
      title: 'the ID token is verified',
      text: 'It is signed by the issuer, meant for this client, in time, and answers this very login (nonce).',
      details: [
        ...listOf(event, 'checks').map((check) => `✓ ${check}`),
        `claims: ${listOf(event, 'claims').join(', ')}`,
      ],
      reference: core('3.1.3.7', 'IDTokenValidation'),
    })
  },
  'login.userinfo_requested'(event, story) {
    story.request(event, 'app', 'provider', {
      title: `GET ${pathOfEndpoint(event)}`,
      text: 'The ID token lacks claims that the scope asked for, so the profile is fetched.',
      details: listOf(event, 'parameters'),
      reference: core('5.3.1', 'UserInfoRequest'),
    })
  },
  'login.userinfo_completed'(event, story) {
    story.answer(event, 'provider', 'app', {
      title: '200 profile',
      text: 'It must speak of the same person (sub). What the ID token says wins.',
      details: [`claims: ${listOf(event, 'claims').join(', ')}`],
      reference: core('5.3.2', 'UserInfoResponse'),
    })
  },
  'login.session_saved'(event, story) {
    story.request(event, 'app', 'store', {
      title: 'keep tokens and session',
      text: 'Tokens are sealed and kept apart from the session. The session gets a new id, so that one planted before the login is worth nothing.',
      details: [
        `session id: ${textOf(event, 'session')}`,
        `token set: ${textOf(event, 'tokenSet')}`,
      ],
    })
  },
  'login.completed'(event, story) {
    story.answer(event, 'app', 'browser', {
      title: `303 to ${textOf(event, 'returnTo')}`,
      text: 'Signed in, and back at the page that was asked for.',
      details: setCookies(event),
      duration: undefined,
    })
  },
  'login.restarted'(event, story) {
    tellCallback(event, story)
    story.fail(event, failureOf(event))
    story.answer(event, 'app', 'browser', {
      title: '303: the login begins again',
      text: 'Once, by itself; the new login is a flow of its own.',
    })
  },
  'login.failed'(event, story) {
    if (story.steps.length === 0) tellCallback(event, story)
    if (!failAtCallback(event, story)) {
      tellArrivedTokens(event, story)
      story.fail(event, failureOf(event))
    }
    story.answer(event, 'app', 'browser', {
      title: `${statusOf(event)} error page`,
      text: 'The visitor reads a plain sentence and can try again.',
      duration: undefined,
    })
  },
}

const setCookies = (event: FlowEvent): string[] =>
  listOf(event, 'cookies').map((cookie) => `set-cookie: ${cookie.replace(': ', ', ')}`)

/** The answer of the authorization server, carried by the browser. */
/** The browser is back, and with that the person has done their part. */
function tellReturn(event: FlowEvent, story: Story): void {
  tellCallback(event, story)
  const back = story.steps.at(-1)?.at ?? 0
  const away = story.steps.findLast(isPerson)?.at ?? back
  story.amend(isPerson, { tone: 'plain', duration: back - away })
}

const requestCookies = (event: FlowEvent): string =>
  `cookies: ${listOf(event, 'requestCookies').join(', ') || 'none'}`

function tellCallback(event: FlowEvent, story: Story): void {
  const posted = textOf(event, 'responseMode') === 'form_post'
  story.answer(event, 'provider', 'browser', {
    title: posted ? 'a form that sends itself' : 'redirect to the callback',
    text: 'The authorization server sends the browser back to the registered redirect URI.',
    duration: undefined,
  })
  story.request(event, 'browser', 'app', {
    title: `${posted ? 'POST' : 'GET'} ${textOf(event, 'path')}`,
    text: 'The authorization response: a code that works once, the state that went out, and who sends it.',
    details: [...listOf(event, 'parameters'), requestCookies(event)],
    reference: rfc(6749, '4.1.2'),
  })
}

/** An error that the authorization server sent is the callback itself. */
function failAtCallback(event: FlowEvent, story: Story): boolean {
  const carriesError = ({ details }: Step) => details.some((one) => one.startsWith('error:'))
  const isError = (step: Step) => isCallback(step) && carriesError(step)
  if (story.asked || !textOf(event, 'oauthError')) return false
  return story.amend(isError, { tone: 'failed', failure: failureOf(event) })
}

/** A failed check of the ID token means that the tokens did arrive. */
function tellArrivedTokens(event: FlowEvent, story: Story): void {
  if (event.error === 'ERR_ID_TOKEN_INVALID' && story.asked) tellTokens(event, story, [])
}

function tellTokens(event: FlowEvent, story: Story, details: readonly string[]): void {
  story.answer(event, 'provider', 'app', {
    title: '200 tokens',
    text: 'An access token for APIs, an ID token about the person, and where allowed a refresh token.',
    details,
    reference: rfc(6749, '5.1'),
  })
}

/** Keys are asked for when the tokens have come; what those are is told by a later event. */
export function tellTokensSince(request: Step, event: FlowEvent, story: Story): void {
  tellTokens({ ...event, duration: 0 }, story, [])
  const answer = story.steps.at(-1)
  if (answer) story.amend((step) => step === answer, { duration: answer.at - request.at })
}
