import { SpanStatusCode } from '@opentelemetry/api'
import { expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import type { JourneyOptions } from '../support/journey.ts'
import { unreliableTokenStore } from '../support/unreliable.ts'
import { startObservedJourney } from './telemetry.ts'

const closing = closeAfterEach()
const start = async (options?: JourneyOptions) => closing(await startObservedJourney(options))

const failed = (type: string) => ({
  status: { code: SpanStatusCode.ERROR },
  attributes: { 'error.type': type },
})

test('a login that the person refuses is an error on the span of its return', async () => {
  const { provider, telemetry, visit } = await start()
  provider.deny()
  await visit('/photos')
  const returned = telemetry.only('oauth.login.callback')
  expect(returned).toMatchObject(failed('ERR_LOGIN_CANCELLED'))
  expect(returned.attributes).toMatchObject({
    'oauth.error': 'access_denied',
    'oauth.login.outcome': 'failed',
  })
  expect(returned.links).toHaveLength(1)
  expect(returned.ended).toBe(true)
  expect(returned.events).toEqual([])
  expect(returned.status.message).toBeUndefined()
  expect(await telemetry.series('express_oauth_client.login.duration')).toMatchObject([
    { attributes: { 'oauth.login.outcome': 'failed', 'error.type': 'ERR_LOGIN_CANCELLED' } },
  ])
})

test('a login that cannot begin is an error on the span of the way out', async () => {
  const { provider, telemetry, visit } = await start()
  await provider.stop()
  await visit('/photos')
  expect(telemetry.only('oauth.login.start')).toMatchObject(failed('ERR_PROVIDER_UNAVAILABLE'))
  expect(telemetry.named('oauth.login.callback')).toEqual([])
  const calls = telemetry.named('GET /.well-known/openid-configuration')
  expect(calls).toMatchObject([failed('unreachable'), failed('unreachable')])
  expect(calls.map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([
    undefined,
    1,
  ])
  expect(await telemetry.series('express_oauth_client.login.starts')).toMatchObject([
    { attributes: { 'oauth.login.outcome': 'failed', 'error.type': 'ERR_PROVIDER_UNAVAILABLE' } },
  ])
})

test('a return that belongs to no login is a span of its own', async () => {
  const { agent, app, telemetry } = await start()
  await agent.fetch(`${app.url}/callback?state=nobody-knows-it&code=abc`)
  const returned = telemetry.only('oauth.login.callback')
  expect(returned).toMatchObject(failed('ERR_STATE_UNKNOWN'))
  expect(telemetry.path(returned)).toBe('GET /callback > oauth.login.callback')
})

test('a lost login that begins again is counted, and is no error', async () => {
  const { agent, app, telemetry } = await start()
  const { pending } = await agent.visit(`${app.url}/photos`, {
    stopBefore: ({ pathname }) => pathname === '/callback',
  })
  const lostAddress = new URL(pending?.url ?? '')
  lostAddress.searchParams.set('state', 'a'.repeat(43))
  await agent.visit(lostAddress)
  const [lost] = telemetry.named('oauth.login.callback')
  expect(lost?.attributes).toMatchObject({
    'oauth.login.outcome': 'restarted',
    'oauth.login.restart.reason': 'ERR_STATE_UNKNOWN',
  })
  expect(lost?.status.code).toBe(SpanStatusCode.UNSET)
  expect(await telemetry.series('express_oauth_client.login.restarts')).toMatchObject([
    { count: 1 },
  ])
})

test('an answer of the provider that is an error is one on its span, with the status', async () => {
  const { provider, telemetry, visit } = await start()
  provider.front.faults.add(
    { path: '/token', times: 1 },
    { kind: 'answer', answer: { status: 503 } },
  )
  await visit('/photos')
  const [token] = telemetry.named('POST /token')
  expect(token).toMatchObject(failed('503'))
  expect(token?.attributes['http.response.status_code']).toBe(503)
})

test('a token store that fails is an error on its span and in its metric', async () => {
  const tokens = unreliableTokenStore()
  Object.assign(tokens, { mood: 'failing', only: ['create'] })
  const { app, telemetry, visit } = await start({ config: { tokenStore: tokens.store } })
  expect((await visit('/photos')).status).toBe(503)
  expect(app.errorCodes()).toEqual(['ERR_TOKEN_STORE_UNAVAILABLE'])
  const [asked] = telemetry.named('oauth.store create')
  expect(asked).toMatchObject(failed('ERR_TOKEN_STORE_UNAVAILABLE'))
  expect(telemetry.only('oauth.login.callback')).toMatchObject(
    failed('ERR_TOKEN_STORE_UNAVAILABLE'),
  )
  expect(await telemetry.series('express_oauth_client.store.duration')).toContainEqual(
    expect.objectContaining({
      attributes: {
        'oauth.store.operation': 'create',
        'error.type': 'ERR_TOKEN_STORE_UNAVAILABLE',
      },
    }),
  )
})

test('a refresh that ends the login says so', async () => {
  const { agent, app, telemetry, provider } = await start()
  await agent.visit(`${app.url}/photos`)
  const refusal = { status: 400, body: '{"error":"invalid_grant"}' }
  provider.front.faults.add(
    { path: '/token', grantType: 'refresh_token' },
    {
      kind: 'answer',
      answer: { ...refusal, headers: { 'content-type': 'application/json' } },
    },
  )
  await agent.fetch(`${app.url}/fresh`)
  const refresh = telemetry.only('oauth.refresh')
  expect(refresh).toMatchObject(failed('ERR_LOGIN_EXPIRED'))
  expect(refresh.attributes).toMatchObject({
    'oauth.error': 'invalid_grant',
    'oauth.refresh.outcome': 'dead',
  })
})
