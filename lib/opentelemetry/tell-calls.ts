import { SpanKind, type Attributes } from '@opentelemetry/api'
import type { FlowEvent } from '../events.ts'
import { numberOf, otherError, present, textOf } from './facts.ts'
import { answerOf, methodOf, targetOf, urlOf } from './http-attributes.ts'
import type { Measures } from './measures.ts'
import type { Beginning } from './open-spans.ts'
import type { Handlers, Telling } from './tell-flows.ts'

const httpSpan = (
  event: FlowEvent,
  role: Beginning['role'],
  { name, attributes }: Pick<Beginning, 'name' | 'attributes'>,
): Beginning => ({
  name,
  kind: SpanKind.CLIENT,
  role,
  attributes: present({ ...targetOf(event), 'url.full': urlOf(event), ...attributes }),
})

/** The paths of a provider are few, since its metadata or the configuration names them. */
function providerSpan(event: FlowEvent): Beginning {
  const path = textOf(event, 'path')
  const attempt = numberOf(event, 'attempt') ?? 1
  return httpSpan(event, 'call', {
    name: `${methodOf(event)} ${path ?? ''}`,
    attributes: {
      'url.template': path,
      'http.request.resend_count': attempt > 1 ? attempt - 1 : undefined,
    },
  })
}

/** The paths of an API can be as many as there are things in it, and its caller is the app. */
const apiSpan = (event: FlowEvent): Beginning =>
  httpSpan(event, 'other', {
    name: methodOf(event) === otherError ? 'HTTP' : methodOf(event),
    attributes: { 'oauth.flow.id': event.flow },
  })

/** HTTP calls by the semantic conventions: to the provider, and to the app's APIs. */
export function httpHandlers({ measures, spans }: Telling): Handlers {
  const end = (event: FlowEvent, beginning: (event: FlowEvent) => Beginning) => {
    const answer = answerOf(event)
    spans.end(event, () => beginning(event), answer)
    measures.record('http', event.duration ?? 0, { ...targetOf(event), ...answer })
  }
  const endProvider = (event: FlowEvent) => end(event, providerSpan)
  const endApi = (event: FlowEvent) => end(event, apiSpan)
  return {
    'provider.requested': (event) => void spans.begin(event, providerSpan(event)),
    'provider.completed': endProvider,
    'provider.failed': endProvider,
    'api.requested': (event) => void spans.begin(event, apiSpan(event)),
    'api.completed': endApi,
    'api.failed': endApi,
  }
}

export function storeHandlers({ measures, spans }: Telling): Handlers {
  const operation = (event: FlowEvent): Attributes => ({
    'oauth.store.operation': textOf(event, 'operation') ?? otherError,
  })
  const begin = (event: FlowEvent): Beginning => ({
    name: `oauth.store ${textOf(event, 'operation') ?? otherError}`,
    kind: SpanKind.CLIENT,
    role: 'call',
    attributes: operation(event),
  })
  const end = (event: FlowEvent) => {
    const outcome = present({ ...operation(event), 'error.type': event.error })
    spans.end(event, () => begin(event), outcome)
    measures.record('store', event.duration ?? 0, outcome)
  }
  return {
    'store.requested': (event) => void spans.begin(event, begin(event)),
    'store.completed': end,
    'store.failed': end,
  }
}

/** What takes no time: it is counted, and has no span. */
export function countHandlers({ measures }: { readonly measures: Measures }): Handlers {
  return {
    'api.retried': (event) => measures.count('retries', serverOf(event)),
    'guard.refused': (event) =>
      measures.count('refusals', { 'error.type': event.error ?? otherError }),
    warning: (event) =>
      measures.count('warnings', { 'oauth.warning': textOf(event, 'warning') ?? otherError }),
  }
}

function serverOf(event: FlowEvent): Attributes {
  const { 'http.request.method': _unknown, ...server } = targetOf(event)
  return server
}
