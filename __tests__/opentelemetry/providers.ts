import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type Histogram,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'

/** One series of a metric. */
export interface Series {
  readonly name: string
  readonly unit: string
  readonly attributes: Attributes
  /** How many durations, or how often it was counted. */
  readonly count: number
  /** Of durations: their sum and the upper bounds that they are sorted by. */
  readonly sum: number | undefined
  readonly boundaries: readonly number[] | undefined
}

/** Providers of the real SDK, which keep everything in memory. */
export function createProviders() {
  const spanExporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(spanExporter)],
  })
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const series = async (name?: string): Promise<readonly Series[]> => {
    metricExporter.reset()
    await meterProvider.forceFlush()
    return metricExporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap(({ metrics }) => metrics)
      .flatMap(({ dataPoints, descriptor }) =>
        [...dataPoints].map(({ attributes, value }) => ({
          name: descriptor.name,
          unit: descriptor.unit,
          attributes,
          ...numbersOf(value),
        })),
      )
      .filter((one) => name === undefined || one.name === name)
  }
  return { providers: { tracerProvider, meterProvider }, spanExporter, series }
}

function numbersOf(value: unknown): Pick<Series, 'count' | 'sum' | 'boundaries'> {
  if (typeof value === 'number') return { count: value, sum: undefined, boundaries: undefined }
  const { buckets, count, sum } = value as Histogram
  return { count, sum, boundaries: buckets.boundaries }
}
