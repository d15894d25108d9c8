import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import { OAuthError } from '../errors.ts'

export interface InstrumentOptions {
  /** Where spans go; the one that is registered globally when left out. */
  readonly tracerProvider?: TracerProvider
  /** Where metrics go; the one that is registered globally when left out. */
  readonly meterProvider?: MeterProvider
  /**
   * Spans and durations of the HTTP calls to the provider and of `req.auth.fetch()`. `false` where
   * another instrumentation of `fetch` makes them already. @default true
   */
  readonly http?: boolean
}

const known = new Set(['tracerProvider', 'meterProvider', 'http'])

export const invalid = (detail: string): OAuthError =>
  new OAuthError('ERR_CONFIG_INVALID', { detail: `instrument(): ${detail}` })

export function checkOptions(options: InstrumentOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('takes an object of options')
  const unknown = Object.keys(options).find((name) => !known.has(name))
  if (unknown !== undefined) {
    throw invalid(`unknown option '${unknown}'; known here: ${[...known].join(', ')}`)
  }
  const { http, meterProvider, tracerProvider } = options
  if (http !== undefined && typeof http !== 'boolean') {
    throw invalid(`option 'http' must be true or false; received ${typeof http}`)
  }
  if (tracerProvider && typeof tracerProvider.getTracer !== 'function') {
    throw invalid("option 'tracerProvider' must have a function getTracer()")
  }
  if (meterProvider && typeof meterProvider.getMeter !== 'function') {
    throw invalid("option 'meterProvider' must have a function getMeter()")
  }
}
