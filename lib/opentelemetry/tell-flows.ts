import { isSpanContextValid, SpanKind, type Attributes } from '@opentelemetry/api'
import type { EventName, FlowEvent } from '../events.ts'
import { numberOf, otherError, present, textOf } from './facts.ts'
import type { Measures } from './measures.ts'
import type { Beginning, OpenSpan, OpenSpans } from './open-spans.ts'
import type { StartedLogins } from './started-logins.ts'

/** What is done about each event. */
export type Handlers = Partial<Record<EventName, (event: FlowEvent) => void>>

export interface Telling {
  readonly spans: OpenSpans
  readonly measures: Measures
  readonly logins: StartedLogins
}

const start = 'oauth.login.start'
const callback = 'oauth.login.callback'

const flowSpan = (name: string, { flow }: FlowEvent, attributes: Attributes = {}): Beginning => ({
  name,
  kind: SpanKind.INTERNAL,
  role: 'flow',
  attributes: present({ 'oauth.flow.id': flow, ...attributes }),
})

const errorType = ({ error }: FlowEvent): string => error ?? otherError

/** The provider's own word for what went wrong: anybody may write it into an address. */
const oauthError = (event: FlowEvent) => present({ 'oauth.error': textOf(event, 'oauthError') })

/** A login is two requests, which two processes may answer, so it is two spans with a link. */
export function loginHandlers({ logins, measures, spans }: Telling): Handlers {
  const endStart = (event: FlowEvent, outcome: Attributes) => {
    spans.end(event, () => flowSpan(start, event), outcome)
    measures.count('starts', outcome)
  }
  const endCallback = (event: FlowEvent, outcome: Attributes) => {
    spans.end(event, () => flowSpan(callback, event), { ...outcome, ...oauthError(event) })
    measures.record('login', event.duration ?? 0, outcome)
  }

  return {
    'login.started'(event) {
      const { span } = spans.begin(event, flowSpan(start, event))
      const started = span.spanContext()
      if (isSpanContextValid(started)) logins.remember(event.flow, started, event.time)
    },
    'login.redirected': (event) => endStart(event, { 'oauth.login.outcome': 'redirected' }),
    'login.callback_received'(event) {
      const started = logins.take(event.flow, event.time)
      const links = started ? [{ context: started }] : []
      spans.begin(event, { ...flowSpan(callback, event), links })
    },
    'login.completed': (event) => endCallback(event, { 'oauth.login.outcome': 'completed' }),
    'login.failed'(event) {
      const outcome = { 'oauth.login.outcome': 'failed', 'error.type': errorType(event) }
      const began = spans.note(event)?.beginning.name === start
      if (began) logins.take(event.flow, event.time)
      if (began) endStart(event, outcome)
      else endCallback(event, outcome)
    },
    'login.restarted'(event) {
      const reason = { 'oauth.login.restart.reason': errorType(event) }
      const outcome = { 'oauth.login.outcome': 'restarted', ...reason }
      spans.end(event, () => flowSpan(callback, event), outcome)
      measures.count('restarts', reason)
    },
  }
}

export function refreshHandlers({ measures, spans }: Telling): Handlers {
  const begin = (event: FlowEvent) =>
    flowSpan('oauth.refresh', event, {
      'oauth.refresh.reason': textOf(event, 'reason'),
      'oauth.token_set.version': numberOf(event, 'version'),
    })
  const end = (event: FlowEvent, refresh: OpenSpan | undefined, outcome: Attributes) => {
    const few = present({
      'oauth.refresh.waited': refresh?.seen.has('refresh.waited') ?? false,
      'oauth.refresh.reason': refresh?.beginning.attributes['oauth.refresh.reason'],
      ...outcome,
    })
    spans.end(event, () => begin(event), { ...few, ...oauthError(event) })
    measures.record('refresh', event.duration ?? 0, few)
  }
  const note = (event: FlowEvent) => void spans.note(event)

  return {
    'refresh.started': (event) => void spans.begin(event, begin(event)),
    'refresh.waited': note,
    'refresh.persisted': note,
    'refresh.completed'(event) {
      const refresh = spans.note(event)
      // Who stored no tokens of its own goes on with those of somebody else.
      const own = refresh?.seen.has('refresh.persisted')
      end(event, refresh, { 'oauth.refresh.outcome': own ? 'refreshed' : 'adopted' })
    },
    'refresh.failed'(event) {
      end(event, spans.note(event), {
        'oauth.refresh.outcome': textOf(event, 'outcome') ?? 'transient',
        'error.type': errorType(event),
      })
    },
  }
}

export function logoutHandlers({ measures, spans }: Telling): Handlers {
  const begin = (event: FlowEvent) => flowSpan('oauth.logout', event)
  const end = (event: FlowEvent, outcome: Attributes) => {
    spans.end(event, () => begin(event), outcome)
    measures.record('logout', event.duration ?? 0, outcome)
  }
  return {
    'logout.started': (event) => void spans.begin(event, begin(event)),
    'logout.completed': (event) => end(event, { 'oauth.logout.outcome': 'completed' }),
    'logout.failed': (event) =>
      end(event, { 'oauth.logout.outcome': 'failed', 'error.type': errorType(event) }),
  }
}
