import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { MemoryStore } from 'express-session'
import { afterEach, describe, expect, test } from '@jest/globals'
import { memoryStore } from '../../lib/index.ts'
import { startApp } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, type JourneyOptions } from '../support/journey.ts'
import { createUserAgent } from '../support/user-agent.ts'
import { eventOf } from './event-of.ts'
import { millisecondsOf, startObservedJourney } from './telemetry.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const start = async (options?: JourneyOptions) => closing(await startObservedJourney(options))

test('a login is a span for the way out and one for the return, linked, with the calls below them', async () => {
  const { provider, telemetry, visit } = await start({ config: { userinfo: true } })
  expect((await visit('/photos')).status).toBe(200)

  const begun = telemetry.only('oauth.login.start')
  const returned = telemetry.only('oauth.login.callback')
  expect(telemetry.path(begun)).toBe('GET /photos > oauth.login.start')
  expect(telemetry.path(returned)).toBe('GET /callback > oauth.login.callback')
  expect(returned.links.map((link) => link.context.spanId)).toEqual([begun.spanContext().spanId])
  const flow = begun.attributes['oauth.flow.id']
  expect(flow).toMatch(/^[\w-]{12}$/)
  expect(begun.attributes).toEqual({ 'oauth.flow.id': flow, 'oauth.login.outcome': 'redirected' })
  expect(returned.attributes).toEqual({ 'oauth.flow.id': flow, 'oauth.login.outcome': 'completed' })
  expect(returned).toMatchObject({
    kind: SpanKind.INTERNAL,
    status: { code: SpanStatusCode.UNSET },
  })

  const calls = telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT)
  expect(calls.map((span) => telemetry.path(span))).toEqual([
    'GET /photos > oauth.login.start > GET /.well-known/openid-configuration',
    // A return is taken once across all processes; only then it is known whose login it is.
    'GET /callback > oauth.store claim',
    'GET /callback > oauth.login.callback > POST /token',
    'GET /callback > oauth.login.callback > GET /jwks',
    'GET /callback > oauth.login.callback > GET /me',
    'GET /callback > oauth.login.callback > oauth.store create',
  ])
  expect(telemetry.only('POST /token').attributes).toEqual({
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'server.address': '127.0.0.1',
    'server.port': provider.port,
    'url.full': `${provider.issuer}/token`,
    'url.template': '/token',
  })
  for (const call of calls.slice(2)) {
    expect(millisecondsOf(call.startTime)).toBeGreaterThanOrEqual(
      millisecondsOf(returned.startTime),
    )
    expect(millisecondsOf(call.endTime)).toBeLessThanOrEqual(millisecondsOf(returned.endTime))
  }
})

test('a refresh, a call to an API and a logout are spans with the calls that they make', async () => {
  const { agent, api, app, telemetry, visit } = await start()
  await visit('/albums')
  expect(telemetry.only('GET')).toMatchObject({
    kind: SpanKind.CLIENT,
    attributes: {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'oauth.flow.id': expect.any(String),
      'url.full': `${api.url}/v1/albums`,
    },
  })
  expect(telemetry.path(telemetry.only('GET'))).toBe('GET /albums > GET')

  await visit('/fresh')
  const refresh = telemetry.only('oauth.refresh')
  expect(telemetry.path(refresh)).toBe('GET /fresh > oauth.refresh')
  expect(refresh.attributes).toEqual({
    'oauth.flow.id': expect.any(String),
    'oauth.refresh.outcome': 'refreshed',
    'oauth.refresh.reason': 'forced',
    'oauth.refresh.waited': false,
    'oauth.token_set.version': 1,
  })
  const below = (top: string) =>
    telemetry
      .spans()
      .map((span) => telemetry.path(span))
      .filter((path) => path.includes(`${top} > `))
      .map((path) => path.split(' > ').at(-1))
  expect(below('oauth.refresh')).toEqual(
    expect.arrayContaining(['oauth.store claim', 'POST /token', 'oauth.store replace']),
  )

  await agent.post(`${app.url}/logout`)
  expect(telemetry.only('oauth.logout').attributes).toEqual({
    'oauth.flow.id': expect.any(String),
    'oauth.logout.outcome': 'completed',
  })
  expect(below('POST /logout > oauth.logout')).toEqual(
    expect.arrayContaining(['oauth.store remove', 'POST /token/revocation']),
  )

  const series = await telemetry.series()
  const counts = (name: string) =>
    series
      .filter((one) => one.name === name)
      .map(({ attributes, count }) => ({ attributes, count }))
  expect(counts('express_oauth_client.login.starts')).toEqual([
    { attributes: { 'oauth.login.outcome': 'redirected' }, count: 1 },
  ])
  expect(counts('express_oauth_client.login.duration')).toEqual([
    { attributes: { 'oauth.login.outcome': 'completed' }, count: 1 },
  ])
  expect(counts('express_oauth_client.refresh.duration')).toEqual([
    {
      attributes: {
        'oauth.refresh.outcome': 'refreshed',
        'oauth.refresh.reason': 'forced',
        'oauth.refresh.waited': false,
      },
      count: 1,
    },
  ])
  expect(counts('express_oauth_client.logout.duration')).toEqual([
    { attributes: { 'oauth.logout.outcome': 'completed' }, count: 1 },
  ])
  expect(counts('express_oauth_client.store.duration')).toContainEqual({
    attributes: { 'oauth.store.operation': 'create' },
    count: 1,
  })
  const toApi = { 'server.address': '127.0.0.1', 'server.port': Number(new URL(api.url).port) }
  expect(counts('http.client.request.duration')).toContainEqual({
    attributes: { ...toApi, 'http.request.method': 'GET', 'http.response.status_code': 200 },
    count: 1,
  })
})

test('durations of metrics are seconds', async () => {
  const { provider, telemetry, visit } = await start()
  provider.front.faults.add({ path: '/token', times: 1 }, { kind: 'delay', milliseconds: 60 })
  await visit('/photos')
  const [login] = await telemetry.series('express_oauth_client.login.duration')
  expect(login?.sum).toBeGreaterThan(0.05)
  expect(login?.sum).toBeLessThan(20)
})

test('of two apps that want the same new token, the span of one says that it waited and adopted', async () => {
  const tokenStore = memoryStore()
  const session = { store: new MemoryStore() }
  const { agent, app, provider, telemetry } = await start({ config: { session, tokenStore } })
  const other = closing(
    await startApp({
      before: [telemetry.serve],
      config: {
        session,
        tokenStore,
        issuer: provider.issuer,
        clientId: provider.clientId,
        clientSecret: provider.clientSecret,
      },
    }),
  )
  await agent.visit(`${app.url}/photos`)
  advanceClock(pastAccessToken)
  const hold = provider.holdTokens({ grantType: 'refresh_token' })
  const first = agent.fetch(`${app.url}/token`)
  await hold.arrived
  const waits = eventOf('refresh.waited')
  const second = agent.fetch(`${other.url}/token`)
  await waits
  hold.release()
  expect((await first).json().accessToken).toBe((await second).json().accessToken)

  const told = telemetry.named('oauth.refresh').map(({ attributes }) => attributes)
  expect(told).toHaveLength(2)
  expect(told).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        'oauth.refresh.outcome': 'refreshed',
        'oauth.refresh.waited': false,
      }),
      expect.objectContaining({ 'oauth.refresh.outcome': 'adopted', 'oauth.refresh.waited': true }),
    ]),
  )
  expect(provider.tokenRequests('refresh_token')).toBe(1)
})

describe('the parents of calls', () => {
  test('are those of their own login, however many there are at once', async () => {
    const { app, provider, telemetry } = await start()
    const agents = Array.from({ length: 5 }, () => createUserAgent())
    const hold = provider.holdTokens()
    const visits = agents.map((one) => one.visit(`${app.url}/photos`))
    await hold.arrived
    hold.release()
    await Promise.all(visits)
    const logins = telemetry.named('oauth.login.callback')
    const tokens = telemetry.named('POST /token')
    expect(logins).toHaveLength(5)
    const parents = new Set(tokens.map(({ parentSpanContext }) => parentSpanContext?.spanId))
    expect(parents).toEqual(new Set(logins.map((span) => span.spanContext().spanId)))
  })

  test('are nobody where no span of the app is active, since whose they are is not known then', async () => {
    const { telemetry, visit } = await start({ before: [] })
    await visit('/photos')
    expect(telemetry.spans().length).toBeGreaterThan(5)
    for (const span of telemetry.spans()) expect(span.parentSpanContext).toBeUndefined()
    expect(telemetry.only('oauth.login.callback').links).toHaveLength(1)
  })
})

test('requests that the guard refuses are counted by their reason', async () => {
  const { agent, app, telemetry } = await start()
  await agent.fetch(`${app.url}/photos`)
  await agent.fetch(`${app.url}/photos`)
  expect(await telemetry.series('express_oauth_client.guard.refusals')).toMatchObject([
    { attributes: { 'error.type': 'ERR_LOGIN_REQUIRED' }, count: 2 },
  ])
})

test('a call to an API that is sent again is two spans and one retry', async () => {
  const { agent, api, app, telemetry } = await start()
  await agent.visit(`${app.url}/photos`)
  api.front.faults.add(
    { path: '/v1/albums', times: 1 },
    { kind: 'answer', answer: { status: 401 } },
  )
  await agent.fetch(`${app.url}/albums`)
  const statuses = telemetry
    .named('GET')
    .map(({ attributes }) => attributes['http.response.status_code'])
  expect(statuses).toEqual([401, 200])
  expect(await telemetry.series('express_oauth_client.api.retries')).toMatchObject([
    { attributes: { 'server.address': '127.0.0.1' }, count: 1 },
  ])
})

test('a call to an API that nobody answers is told by the code of the network error', async () => {
  const { agent, api, app, telemetry } = await start()
  await agent.visit(`${app.url}/photos`)
  await api.close()
  await agent.fetch(`${app.url}/albums`)
  const [call] = telemetry.named('GET')
  expect(call?.status.code).toBe(SpanStatusCode.ERROR)
  expect(call?.attributes['error.type']).toBe('ECONNREFUSED')
})
