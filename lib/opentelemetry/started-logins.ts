import type { SpanContext } from '@opentelemetry/api'

const maxRemembered = 1_000
/** As long as a login may take. */
const lifetime = 15 * 60_000

/** The spans of logins whose people are at the provider, for the link from their return. */
export interface StartedLogins {
  remember(flow: string, span: SpanContext, time: number): void
  take(flow: string, time: number): SpanContext | undefined
  size(): number
}

export function createStartedLogins(): StartedLogins {
  const started = new Map<string, { readonly span: SpanContext; readonly until: number }>()

  /** The oldest are the first, so looking ends at the first that is to stay. */
  const tidy = (time: number) => {
    for (const [flow, { until }] of started) {
      if (until > time && started.size <= maxRemembered) return
      started.delete(flow)
    }
  }

  return {
    remember(flow, span, time) {
      started.set(flow, { span, until: time + lifetime })
      tidy(time)
    },
    take(flow, time) {
      tidy(time)
      const found = started.get(flow)
      started.delete(flow)
      return found?.span
    },
    size: () => started.size,
  }
}
