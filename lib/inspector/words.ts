import type { FlowEvent } from '../events.ts'
import { textOf } from './flow.ts'

/** Path of the endpoint that an event names. */
export function pathOfEndpoint(event: FlowEvent): string {
  const address = textOf(event, 'endpoint')
  return URL.canParse(address) ? new URL(address).pathname : 'endpoint'
}

export function clientAuthentication(event: FlowEvent): string[] {
  const method = textOf(event, 'clientAuthentication')
  return method ? [`client authentication: ${method}`] : []
}

/** A span of time as people say it. */
export function span(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds))
  if (ms < 1000) return `${ms} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.round(ms / 60_000)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

/** `name` and `value` of a detail such as `scope: openid`; without a name it is all value. */
export function partsOf(detail: string): { name: string; value: string } {
  const end = detail.indexOf(': ')
  if (end < 0) return { name: '', value: detail }
  return { name: detail.slice(0, end), value: detail.slice(end + 2) }
}
