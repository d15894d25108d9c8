import {
  metrics,
  type Attributes,
  type Counter,
  type Histogram,
  type Meter,
  type MeterProvider,
} from '@opentelemetry/api'
import { counters, histograms, type CounterName, type HistogramName } from './metric-table.ts'

export interface Measures {
  /** @param milliseconds As events have it. */
  record(name: HistogramName, milliseconds: number, attributes: Attributes): void
  count(name: CounterName, attributes: Attributes): void
}

interface Instruments {
  readonly histograms: Readonly<Record<HistogramName, Histogram>>
  readonly counters: Readonly<Record<CounterName, Counter>>
}

export function createMeasures(scope: string, own: MeterProvider | undefined): Measures {
  let known: MeterProvider | undefined
  let instruments: Instruments | undefined

  /** An SDK that starts after us registers another provider, which knows nothing of the first one's. */
  const current = (): Instruments => {
    const provider = own ?? metrics.getMeterProvider()
    if (!instruments || provider !== known)
      instruments = createInstruments(provider.getMeter(scope))
    known = provider
    return instruments
  }

  return {
    record(name, milliseconds, attributes) {
      current().histograms[name].record(milliseconds / 1000, attributes)
    },
    count(name, attributes) {
      current().counters[name].add(1, attributes)
    },
  }
}

function createInstruments(meter: Meter): Instruments {
  const histogram = ({ boundaries, description, name }: (typeof histograms)[HistogramName]) =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: [...boundaries] },
    })
  const counter = ({ description, name, unit }: (typeof counters)[CounterName]) =>
    meter.createCounter(name, { description, unit })
  return { histograms: mapped(histograms, histogram), counters: mapped(counters, counter) }
}

const mapped = <K extends string, A, B>(
  record: Readonly<Record<K, A>>,
  change: (value: A) => B,
): Record<K, B> =>
  Object.fromEntries(
    Object.entries<A>(record).map(([key, value]) => [key, change(value)]),
  ) as Record<K, B>
