import {
  context,
  diag,
  isSpanContextValid,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanKind,
  type Tracer,
} from '@opentelemetry/api'
import type { EventName, FlowEvent } from '../events.ts'

/** Far more than run at once; only what never ends comes near. */
const maxOpen = 20_000

/** How a span begins. */
export interface Beginning {
  readonly name: string
  readonly kind: SpanKind
  readonly attributes: Attributes
  readonly links?: readonly Link[]
  /** A flow has the calls made meanwhile below it; a call goes below its flow; others do neither. */
  readonly role: 'flow' | 'call' | 'other'
}

export interface OpenSpan {
  readonly span: Span
  readonly beginning: Beginning
  /** Names of the events between beginning and end. */
  readonly seen: Set<EventName>
}

interface Entry extends OpenSpan {
  readonly context: Context
  /** The app's own span in which this one began. */
  readonly within: string | undefined
}

export interface OpenSpans {
  begin(event: FlowEvent, beginning: Beginning): OpenSpan
  /** Takes down that something happened; the span that it happened in, if there is one. */
  note(event: FlowEvent): OpenSpan | undefined
  /** Ends the span of the event's flow; one whose beginning was not heard is made after the fact. */
  end(event: FlowEvent, beginning: () => Beginning, attributes: Attributes): void
  endAll(): void
}

export function createOpenSpans(tracer: Tracer): OpenSpans {
  const open = new Map<string, Entry>()
  const flows = new Map<string, Set<Entry>>()

  /**
   * Below the one flow that runs in the app's active span. Where several run there, whose call it is
   * cannot be known, so it goes below the app's span.
   */
  const parentOf = (role: Beginning['role'], active: Context, within: string | undefined) => {
    const [only, ...more] = role === 'call' && within ? (flows.get(within) ?? []) : []
    return only && more.length === 0 ? only.context : active
  }

  const start = (beginning: Beginning, startTime: number): Entry => {
    const { attributes, kind, links = [], name, role } = beginning
    const active = context.active()
    const within = keyOf(active)
    const parent = parentOf(role, active, within)
    const options = { kind, attributes, links: [...links], startTime }
    const span = tracer.startSpan(name, options, parent)
    return { span, beginning, seen: new Set(), within, context: trace.setSpan(parent, span) }
  }

  const close = (flow: string, entry: Entry, time: number) => {
    open.delete(flow)
    const { within } = entry
    const siblings = within === undefined ? undefined : flows.get(within)
    siblings?.delete(entry)
    if (within !== undefined && siblings?.size === 0) flows.delete(within)
    entry.span.end(time)
  }

  const enter = (entry: Entry) => {
    const { within } = entry
    if (entry.beginning.role !== 'flow' || within === undefined) return
    flows.set(within, (flows.get(within) ?? new Set()).add(entry))
  }

  return {
    begin({ flow, time }, beginning) {
      const unfinished = open.get(flow)
      if (unfinished) close(flow, unfinished, time)
      const entry = start(beginning, time)
      open.set(flow, entry)
      enter(entry)
      const [oldest] = open
      if (open.size > maxOpen && oldest) close(...oldest, time)
      return entry
    },
    note({ flow, name }) {
      const entry = open.get(flow)
      entry?.seen.add(name)
      return entry
    },
    end({ duration = 0, flow, time }, beginning, attributes) {
      const entry = open.get(flow) ?? start(beginning(), time - duration)
      entry.span.setAttributes(attributes)
      if (attributes['error.type'] !== undefined) {
        entry.span.setStatus({ code: SpanStatusCode.ERROR })
      }
      close(flow, entry, time)
    },
    endAll() {
      for (const [flow, entry] of open) {
        try {
          close(flow, entry, Date.now())
        } catch (error) {
          // One processor's trouble must not keep the other spans open.
          diag.error('express-oauth-client: ending a span', error)
        }
      }
    },
  }
}

function keyOf(active: Context): string | undefined {
  const span = trace.getSpanContext(active)
  return span && isSpanContextValid(span) ? `${span.traceId}-${span.spanId}` : undefined
}
