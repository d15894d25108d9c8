import type { Attributes } from '@opentelemetry/api'
import type { FlowEvent } from '../events.ts'
import { numberOf, otherError, present, textOf } from './facts.ts'

const knownMethods = new Set(
  'CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE'.split(' '),
)
const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

/** An app may call its API with any method at all, of which metrics must not be made. */
export function methodOf(event: FlowEvent): string {
  const method = textOf(event, 'method')?.toUpperCase() ?? ''
  return knownMethods.has(method) ? method : otherError
}

/** Where a call goes, in few different values. */
export function targetOf(event: FlowEvent): Attributes {
  const { hostname, port, protocol } = new URL(textOf(event, 'origin') ?? '')
  return present({
    'http.request.method': methodOf(event),
    'server.address': hostname.replace(/^\[(.*)\]$/, '$1'),
    'server.port': port ? Number(port) : defaultPorts[protocol],
  })
}

/** The address, of which the events have neither the query nor credentials. */
export const urlOf = (event: FlowEvent): string =>
  `${textOf(event, 'origin') ?? ''}${textOf(event, 'path') ?? ''}`

/** What became of a call: its status, or the class of its failure. */
export function answerOf(event: FlowEvent): Attributes {
  const status = numberOf(event, 'status')
  if (status === undefined) return { 'error.type': textOf(event, 'fault') ?? otherError }
  return present({
    'http.response.status_code': status,
    'error.type': status >= 400 ? String(status) : undefined,
  })
}
