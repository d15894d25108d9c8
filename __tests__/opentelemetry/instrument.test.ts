import { context, diag, DiagLogLevel, metrics, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { describe, expect, jest, test } from '@jest/globals'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { emit, type EventFacts, type EventName } from '../../lib/events.ts'
import { instrument, type InstrumentOptions } from '../../lib/opentelemetry/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { createProviders } from './providers.ts'
import { startObservedJourney, startTelemetry } from './telemetry.ts'

const closing = closeAfterEach()
const start = (options?: InstrumentOptions) => closing(startTelemetry(options))
const say = (name: EventName, flow: string, facts: EventFacts = {}) =>
  emit(name, flow, () => ({ facts }))

describe('what instrument() returns', () => {
  test('stops it: nothing that happens then is in a span or metric', async () => {
    const { providers, series, spanExporter } = createProviders()
    const journey = closing(await startObservedJourney())
    const stop = instrument(providers)
    await journey.visit('/photos')
    const spans = spanExporter.getFinishedSpans().length
    const [before] = await series('express_oauth_client.login.duration')
    expect(spans).toBeGreaterThan(0)
    expect(before?.count).toBe(1)

    stop()
    await journey.agent.post(`${journey.app.url}/logout`)
    await journey.visit('/photos')
    expect(spanExporter.getFinishedSpans()).toHaveLength(spans)
    const [after] = await series('express_oauth_client.login.duration')
    expect(after?.count).toBe(1)
    expect(journey.telemetry.named('oauth.login.callback')).toHaveLength(2)
  })

  test('ends the spans that are open, once', () => {
    const { providers, spanExporter } = createProviders()
    const stop = instrument(providers)
    say('refresh.started', 'one', { version: 1, reason: 'expired' })
    say('logout.started', 'two')
    expect(spanExporter.getFinishedSpans()).toEqual([])
    stop()
    stop()
    const names = spanExporter.getFinishedSpans().map(({ name }) => name)
    expect(names).toEqual(['oauth.refresh', 'oauth.logout'])
  })

  test('lets the same provider be instrumented again', () => {
    const { providers } = createProviders()
    instrument(providers)()
    const again = instrument(providers)
    expect(again).not.toThrow()
  })
})

describe('instrument()', () => {
  test('refuses to make everything twice', () => {
    const { meterProvider, tracerProvider } = start()
    const twice = expect.objectContaining({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringContaining('running already'),
    })
    expect(() => instrument({ meterProvider, tracerProvider })).toThrow(twice)
    expect(() => instrument({ tracerProvider })).toThrow(twice)
    expect(() => instrument({ meterProvider })).toThrow(twice)
  })

  test.each([
    [{ tracer: 1 }, "unknown option 'tracer'"],
    [{ http: 'no' }, "option 'http'"],
    [{ tracerProvider: {} }, "option 'tracerProvider'"],
    [{ meterProvider: {} }, "option 'meterProvider'"],
  ])('refuses %p', (options, problem) => {
    expect(() => instrument(options as InstrumentOptions)).toThrow(problem)
  })

  test('goes with an SDK that is started after it', async () => {
    closing({ close: instrument() })
    const { providers, series, spanExporter } = createProviders()
    emit('logout.completed', 'early', () => ({ duration: 5 }))
    trace.setGlobalTracerProvider(providers.tracerProvider)
    metrics.setGlobalMeterProvider(providers.meterProvider)
    closing({
      close() {
        trace.disable()
        metrics.disable()
      },
    })
    emit('logout.completed', 'late', () => ({ duration: 5 }))
    expect(spanExporter.getFinishedSpans().map(({ name }) => name)).toEqual(['oauth.logout'])
    expect(await series()).toMatchObject([
      { name: 'express_oauth_client.logout.duration', count: 1, sum: 0.005 },
    ])
  })

  test('links no login to a start that was before there was an SDK', () => {
    closing({ close: instrument() })
    say('login.started', 'early')
    const { providers, spanExporter } = createProviders()
    trace.setGlobalTracerProvider(providers.tracerProvider)
    closing({ close: () => trace.disable() })
    say('login.callback_received', 'early')
    say('login.completed', 'early')
    expect(spanExporter.getFinishedSpans()).toMatchObject([{ links: [] }])
  })

  test('leaves HTTP to others where it is told so', async () => {
    const journey = closing(await startObservedJourney({}, { http: false }))
    await journey.visit('/albums')
    const names = new Set(journey.telemetry.spans().map(({ name }) => name))
    expect(names).toEqual(
      new Set([
        'GET /callback',
        'GET /albums',
        'oauth.login.start',
        'oauth.login.callback',
        'oauth.store claim',
        'oauth.store create',
      ]),
    )
    expect(await journey.telemetry.series('http.client.request.duration')).toEqual([])
  })

  test('tells the log of OpenTelemetry what a provider throws, and harms nobody', async () => {
    const error = jest.fn()
    const quiet = { debug() {}, info() {}, verbose() {}, warn() {} }
    diag.setLogger({ ...quiet, error }, DiagLogLevel.ERROR)
    const failure = new Error('this tracer is broken')
    const tracer = {
      startSpan() {
        throw failure
      },
      startActiveSpan() {
        throw failure
      },
    }
    const journey = closing(
      await startObservedJourney({}, { tracerProvider: { getTracer: () => tracer } }),
    )
    expect((await journey.visit('/photos')).json()).toMatchObject({ owner: 'alice' })
    expect(error).toHaveBeenCalledWith('express-oauth-client: login.started', failure)
    diag.disable()
  })
})

describe('what never ends', () => {
  test('is ended when there is too much of it, and leaves nothing open', () => {
    const { providers, spanExporter } = createProviders()
    const stop = instrument(providers)
    for (let index = 0; index < 20_100; index += 1) say('refresh.started', `flow-${index}`)
    expect(spanExporter.getFinishedSpans()).toHaveLength(100)
    stop()
    expect(spanExporter.getFinishedSpans()).toHaveLength(20_100)
    expect(spanExporter.getFinishedSpans().every(({ ended }) => ended)).toBe(true)
  })

  test('is ended also where a processor fails with one of them', () => {
    const ended: string[] = []
    const tracerProvider = new BasicTracerProvider({
      spanProcessors: [
        {
          onStart: () => undefined,
          onEnd(span) {
            ended.push(span.name)
            if (span.name === 'oauth.refresh') throw new Error('the processor is ill')
          },
          forceFlush: async () => undefined,
          shutdown: async () => undefined,
        },
      ],
    })
    const stop = instrument({ tracerProvider })
    say('refresh.started', 'one')
    say('logout.started', 'two')
    expect(stop).not.toThrow()
    expect(ended).toEqual(['oauth.refresh', 'oauth.logout'])
  })

  test('is no login that people abandon: its span ends when they leave for the provider', () => {
    const telemetry = start()
    for (let index = 0; index < 50; index += 1) {
      say('login.started', `flow-${index}`)
      say('login.redirected', `flow-${index}`)
    }
    expect(telemetry.named('oauth.login.start')).toHaveLength(50)
  })
})

test('a call is below the one flow of its request, and beside them where there are several', () => {
  const telemetry = start()
  const request = telemetry.tracerProvider.getTracer('http').startSpan('GET /')
  const store = (flow: string, operation: string) => {
    say('store.requested', flow, { operation })
    say('store.completed', flow, { operation })
  }
  context.with(trace.setSpan(ROOT_CONTEXT, request), () => {
    say('refresh.started', 'one')
    store('call-1', 'claim')
    say('logout.started', 'two')
    store('call-2', 'read')
    say('refresh.completed', 'one')
    store('call-3', 'remove')
    say('logout.completed', 'two')
    store('call-4', 'release')
  })
  store('call-5', 'renew')
  request.end()
  const calls = telemetry.spans().filter(({ name }) => name.startsWith('oauth.store'))
  expect(calls.map((span) => telemetry.path(span))).toEqual([
    'GET / > oauth.refresh > oauth.store claim',
    'GET / > oauth.store read',
    'GET / > oauth.logout > oauth.store remove',
    'GET / > oauth.store release',
    'oauth.store renew',
  ])
})

test('a span begins and ends with the times of its events', () => {
  const telemetry = start()
  const before = Date.now()
  emit('store.completed', 'unheard', () => ({ duration: 1500, facts: { operation: 'read' } }))
  const { duration, endTime } = telemetry.only('oauth.store read')
  expect(duration).toEqual([1, 500_000_000])
  expect(endTime[0] * 1000 + endTime[1] / 1e6).toBeGreaterThanOrEqual(before)
})

test('what is measured of an API has few values, whatever methods and paths the app calls', async () => {
  const telemetry = start()
  for (const [index, method] of ['get', 'BREW', 'PROPFIND'].entries()) {
    emit('api.completed', `flow-${index}`, () => ({
      duration: 1,
      facts: { origin: 'https://[::1]', path: `/people/${index}`, method, status: 204 },
    }))
  }
  const durations = await telemetry.series('http.client.request.duration')
  const target = { 'server.address': '::1', 'server.port': 443, 'http.response.status_code': 204 }
  expect(durations.map(({ attributes, count }) => ({ attributes, count }))).toEqual([
    { attributes: { ...target, 'http.request.method': 'GET' }, count: 1 },
    { attributes: { ...target, 'http.request.method': '_OTHER' }, count: 2 },
  ])
  expect(telemetry.spans().map(({ name }) => name)).toEqual(['GET', 'HTTP', 'HTTP'])
})
