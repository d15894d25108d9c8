import { randomBytes } from 'node:crypto'
import { channel, type Channel } from 'node:diagnostics_channel'
import type { ErrorCode } from './errors.ts'

/**
 * The closed list of events. Each is published on the `node:diagnostics_channel`
 * `express-oauth-client:<name>`, as a {@link FlowEvent}.
 */
export const eventNames = [
  'discovery.requested',
  'discovery.completed',
  'discovery.failed',
  'jwks.requested',
  'jwks.completed',
  'jwks.failed',
  'login.started',
  'login.transaction_saved',
  'login.redirected',
  'login.callback_parked',
  'login.callback_received',
  'login.transaction_taken',
  'login.code_exchange_requested',
  'login.code_exchange_completed',
  'login.id_token_verified',
  'login.userinfo_requested',
  'login.userinfo_completed',
  'login.session_saved',
  'login.completed',
  'login.restarted',
  'login.failed',
  'refresh.started',
  'refresh.claimed',
  'refresh.requested',
  'refresh.persisted',
  'refresh.adopted',
  'refresh.waited',
  'refresh.completed',
  'refresh.failed',
  'api.requested',
  'api.completed',
  'api.retried',
  'api.failed',
  'logout.started',
  'logout.revocation_requested',
  'logout.revocation_completed',
  'logout.revocation_failed',
  'logout.session_ended',
  'logout.redirected',
  'logout.completed',
  'logout.failed',
  'guard.refused',
  'provider.requested',
  'provider.completed',
  'provider.failed',
  'store.requested',
  'store.completed',
  'store.failed',
  'warning',
] as const

export type EventName = (typeof eventNames)[number]

/** Names, shapes, lengths and short digests; never the value of a code, verifier, token, secret or cookie. */
export type EventFacts = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>

/** One step of a flow, as subscribers of the diagnostics channels receive it. */
export interface FlowEvent {
  readonly name: EventName
  /** Ties the steps of one login, refresh, logout or API call together; also the reference id on error pages. */
  readonly flow: string
  /** Milliseconds since the epoch. */
  readonly time: number
  /** Milliseconds that the step took, on events that end one. */
  readonly duration?: number
  /** The error that ended the flow, on `*.failed` and `guard.refused`. */
  readonly error?: ErrorCode
  readonly facts: EventFacts
}

const channels = Object.fromEntries(
  eventNames.map((name) => [name, channel(`express-oauth-client:${name}`)]),
) as unknown as Record<EventName, Channel>

/** The id of a flow that begins now. */
export const newFlow = (): string => randomBytes(9).toString('base64url')

const endsOfCalls = ['requested', 'completed', 'failed'] as const

/** The id of one call to the provider or the store, for whoever listens to such calls. */
export function newCall(kind: 'provider' | 'store'): string {
  const heard = endsOfCalls.some((end) => channels[`${kind}.${end}`].hasSubscribers)
  return heard ? newFlow() : ''
}

/** Milliseconds since `started` by the clock that measures: calls can be shorter than one of them. */
export const millisecondsSince = (started: number): number =>
  Math.round((performance.now() - started) * 1000) / 1000

export interface EventDetails {
  readonly duration?: number
  readonly error?: ErrorCode
  readonly facts?: EventFacts
}

/**
 * Publishes one event. `details` is a function so that nothing is computed when nobody listens.
 *
 * @internal
 */
export function emit(name: EventName, flow: string, details?: () => EventDetails): void {
  const target = channels[name]
  if (!target.hasSubscribers) return
  const { facts = {}, ...rest } = details?.() ?? {}
  target.publish({ name, flow, time: Date.now(), ...rest, facts } satisfies FlowEvent)
}
