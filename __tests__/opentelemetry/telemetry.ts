import { AsyncLocalStorage } from 'node:async_hooks'
import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Context,
  type ContextManager,
} from '@opentelemetry/api'
import type { MeterProvider } from '@opentelemetry/sdk-metrics'
import type { BasicTracerProvider, ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { instrument, type InstrumentOptions } from '../../lib/opentelemetry/index.ts'
import { startJourney, type JourneyOptions } from '../support/journey.ts'
import type { Handler } from '../support/site.ts'
import { createProviders, type Series } from './providers.ts'

export interface Telemetry {
  readonly tracerProvider: BasicTracerProvider
  readonly meterProvider: MeterProvider
  /** What an instrumentation of HTTP does: a span around each request. */
  readonly serve: Handler
  /** Spans that have ended, in the order of their ends. */
  spans(): readonly ReadableSpan[]
  named(name: string): readonly ReadableSpan[]
  /** The one span of this name. */
  only(name: string): ReadableSpan
  /** Names from the span up to its root. */
  path(span: ReadableSpan): string
  series(name?: string): Promise<readonly Series[]>
  close(): Promise<void>
}

/** An instrumented process, until it is closed. */
export function startTelemetry(options: InstrumentOptions = {}): Telemetry {
  const { providers, series, spanExporter } = createProviders()
  const { meterProvider, tracerProvider } = providers
  context.setGlobalContextManager(createContextManager())
  const stop = instrument({ ...providers, ...options })

  const spans = () => spanExporter.getFinishedSpans()
  const named = (name: string) => spans().filter((span) => span.name === name)
  return {
    tracerProvider,
    meterProvider,
    series,
    spans,
    named,
    serve: serveWithSpans(tracerProvider),
    only(name) {
      const [span, ...more] = named(name)
      if (span && more.length === 0) return span
      const names = spans().map((one) => one.name)
      throw new Error(`there is not one ${name}: ${names.join(', ')}`)
    },
    path(span) {
      const names: string[] = []
      for (let one: ReadableSpan | undefined = span; one;) {
        names.push(one.name)
        const above: string | undefined = one.parentSpanContext?.spanId
        one = spans().find((other) => other.spanContext().spanId === above)
      }
      return names.toReversed().join(' > ')
    },
    async close() {
      stop()
      context.disable()
      await tracerProvider.shutdown()
      await meterProvider.shutdown()
    },
  }
}

/** An instrumented app that somebody visits, with what a developer would see of that. */
export async function startObservedJourney(
  options: JourneyOptions = {},
  instrumentation: InstrumentOptions = {},
) {
  const telemetry = startTelemetry(instrumentation)
  const journey = await startJourney({ before: [telemetry.serve], ...options })
  return {
    ...journey,
    telemetry,
    async close() {
      await journey.close()
      await telemetry.close()
    },
  }
}

function serveWithSpans(tracerProvider: BasicTracerProvider): Handler {
  const tracer = tracerProvider.getTracer('http')
  return (req, res, next) => {
    const { pathname } = new URL(req.url ?? '/', 'http://site')
    const span = tracer.startSpan(
      `${req.method} ${pathname}`,
      { kind: SpanKind.SERVER },
      ROOT_CONTEXT,
    )
    res.once('finish', () => span.end())
    context.with(trace.setSpan(ROOT_CONTEXT, span), () => next())
  }
}

/** What the SDK of Node brings: the context follows asynchronous work. */
function createContextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>()
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...rest) =>
      storage.run(active, () => work.call(self as never, ...rest)),
    bind: (_active, target) => target,
    enable: () => manager,
    disable() {
      storage.disable()
      return manager
    },
  }
  return manager
}

/** Milliseconds since the epoch. */
export const millisecondsOf = ([seconds, nanoseconds]: readonly [number, number]): number =>
  seconds * 1000 + nanoseconds / 1e6
