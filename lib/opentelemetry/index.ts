import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { diag, metrics, trace } from '@opentelemetry/api'
import type { FlowEvent } from '../events.ts'
import { createMeasures } from './measures.ts'
import { createOpenSpans } from './open-spans.ts'
import { checkOptions, invalid, type InstrumentOptions } from './options.ts'
import { createStartedLogins } from './started-logins.ts'
import { countHandlers, httpHandlers, storeHandlers } from './tell-calls.ts'
import { loginHandlers, logoutHandlers, refreshHandlers, type Handlers } from './tell-flows.ts'

export type { InstrumentOptions } from './options.ts'

const scope = 'express-oauth-client'
const instrumented = new Set<object>()

/**
 * Makes spans and metrics of what this package does: logins, refreshes, logouts, and the calls to the
 * provider, to APIs and to the token store. No secret is among them.
 *
 * @example
 * import { instrument } from 'express-oauth-client/opentelemetry'
 *
 * const stop = instrument()
 * @returns Stops that, and ends the spans that are open.
 * @throws {OAuthError} `ERR_CONFIG_INVALID` for an option that does not exist, and where spans or
 *   metrics of the same provider are being made already.
 */
export function instrument(options: InstrumentOptions = {}): () => void {
  checkOptions(options)
  const { http = true, meterProvider, tracerProvider } = options
  const targets = [tracerProvider ?? trace, meterProvider ?? metrics]
  if (targets.some((target) => instrumented.has(target))) {
    throw invalid(
      'it is running already for this provider, and everything would be there twice; call it once, or first what the other call returned',
    )
  }

  const spans = createOpenSpans((tracerProvider ?? trace).getTracer(scope))
  const measures = createMeasures(scope, meterProvider)
  const telling = { spans, measures, logins: createStartedLogins() }
  const handlers: Handlers = {
    ...loginHandlers(telling),
    ...refreshHandlers(telling),
    ...logoutHandlers(telling),
    ...storeHandlers(telling),
    ...countHandlers(telling),
    ...(http ? httpHandlers(telling) : {}),
  }

  const receive = (message: unknown) => {
    const event = message as FlowEvent
    try {
      handlers[event.name]?.(event)
    } catch (error) {
      // What a subscriber throws ends the process, and no telemetry is worth that.
      diag.error(`${scope}: ${event.name}`, error)
    }
  }

  const channels = Object.keys(handlers).map((name) => `express-oauth-client:${name}`)
  for (const channel of channels) subscribe(channel, receive)
  for (const target of targets) instrumented.add(target)
  let running = true
  return function stop() {
    if (!running) return
    running = false
    for (const channel of channels) unsubscribe(channel, receive)
    for (const target of targets) instrumented.delete(target)
    spans.endAll()
  }
}
