// @ts-check
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import process from 'node:process'
import { inspect } from 'node:util'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import express from 'express'
import { errorHandler, eventNames, oauth, requireAuth } from 'express-oauth-client'
import { inspector } from 'express-oauth-client/inspector'
import { instrument } from 'express-oauth-client/opentelemetry'

/** @param {unknown} value */
const printed = (value) => inspect(value, { depth: 20, showHidden: true, maxStringLength: null })

/** @type {string[]} */
const events = []
/** @type {string[]} */
const errors = []
for (const name of eventNames) {
  subscribe(`express-oauth-client:${name}`, (event) => {
    events.push(`${JSON.stringify(event)} ${printed(event)}`)
  })
}

const spans = new InMemorySpanExporter()
const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const meterProvider = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3.6e6 })],
})
instrument({
  tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
  meterProvider,
})

async function collect() {
  await meterProvider.forceFlush()
  const exported = spans.getFinishedSpans()
  return {
    events,
    errors,
    names: exported.map(({ name }) => name),
    spans: exported.map(({ attributes, events: within, links, name, status }) =>
      printed({ name, attributes, status, links, within }),
    ),
    metrics: metrics.getMetrics().map((one) => `${JSON.stringify(one)} ${printed(one)}`),
  }
}

/** @type {express.ErrorRequestHandler} */
const record = (error, _req, _res, next) => {
  errors.push(`${printed(error)} ${JSON.stringify(error)}`)
  // What an app would do that logs all it gets.
  console.error(error)
  next(error)
}

/** @param {{ config: import('express-oauth-client').OAuthOptions, apiUrl: string, port: number }} options */
function createApp({ apiUrl, config, port }) {
  const app = express()
  app.use('/oauth-inspector', inspector())
  app.use(oauth({ ...config, baseUrl: `http://127.0.0.1:${port}`, secret: 'x'.repeat(40) }))
  app.get('/', (req, res) => res.json({ sub: req.auth?.user.sub ?? null }))
  app.get('/photos', requireAuth(), (req, res) => {
    console.log(req.auth, JSON.stringify(req.auth))
    res.json({ owner: req.auth?.user.sub })
  })
  app.get('/fresh', requireAuth(), async (req, res) => {
    await req.auth?.getAccessToken({ force: true })
    res.json({ fresh: true })
  })
  app.get('/albums', requireAuth(), async (req, res) => {
    const answer = await req.auth?.fetch(`${apiUrl}/v1/albums`)
    res.json({ status: answer?.status })
  })
  app.use(record, errorHandler())
  return app
}

/** @param {{ config: import('express-oauth-client').OAuthOptions, apiUrl: string }} options */
async function start(options) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.on('request', createApp({ ...options, port }))
  process.send?.({ port })
}

process.on('message', (/** @type {any} */ message) => {
  if (message === 'collect') void collect().then((all) => process.send?.(all))
  else void start(message)
})
