import { discovery, rfc } from '../error-advice.ts'
import { listOf, textOf } from './flow.ts'
import type { Tellers } from './story.ts'
import { tellTokensSince } from './tell-login.ts'
import { pathOfEndpoint } from './words.ts'

/** What this package reads of the metadata; there is much more in it. */
const used = new Set([
  'authorization_endpoint',
  'end_session_endpoint',
  'jwks_uri',
  'revocation_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
])

/** What any flow may need on its way: metadata and keys of the provider, and the stores. */
export const providerTellers: Tellers = {
  'discovery.requested'(event, story) {
    story.request(event, 'app', 'provider', {
      title: 'GET discovery document',
      text: 'Which endpoints are there, and what do they support? Asked once, then remembered for an hour.',
      details: [`issuer: ${textOf(event, 'issuer')}`],
      reference: discovery,
    })
  },
  'discovery.completed'(event, story) {
    const endpoints = listOf(event, 'metadata').filter((name) => used.has(name))
    story.answer(event, 'provider', 'app', {
      title: '200 metadata',
      text: 'The issuer is compared with the configured one, letter by letter.',
      details: ['✓ issuer', endpoints.join(', ')],
      reference: rfc(8414, '3.3'),
    })
  },
  'discovery.failed'(event, story) {
    story.answer(event, 'provider', 'app', {
      title: 'no metadata',
      text: textOf(event, 'detail'),
      tone: 'failed',
    })
  },
  'jwks.requested'(event, story) {
    const last = story.steps.at(-1)
    if (story.asked && last?.title.startsWith('POST ')) tellTokensSince(last, event, story)
    story.request(event, 'app', 'provider', {
      title: `GET ${pathOfEndpoint(event)}`,
      text: 'The public keys of the authorization server, to check signatures with. Fetched once for many logins.',
      reference: rfc(7517, '5'),
    })
  },
  'jwks.completed'(event, story) {
    story.answer(event, 'provider', 'app', {
      title: '200 keys',
      text: 'The signature is checked with the key that the token names (kid).',
    })
  },
  'jwks.failed'(event, story) {
    story.answer(event, 'provider', 'app', {
      title: 'no keys',
      text: textOf(event, 'detail'),
      tone: 'failed',
    })
  },
  'store.failed'(event, story) {
    story.answer(event, 'store', 'app', {
      title: `the store did not ${textOf(event, 'operation')}`,
      text: 'It reported an error or was silent for too long.',
      tone: 'failed',
    })
  },
  warning(event, story) {
    story.note(event, 'app', 'app', {
      title: 'warning',
      text: 'The flow goes on, but somebody should look at this.',
      details: [textOf(event, 'warning')],
    })
  },
}
