import type { ErrorCode } from '../errors.ts'
import type { EventName, FlowEvent } from '../events.ts'

export const flowKinds = ['login', 'refresh', 'logout', 'api', 'guard'] as const
export type FlowKind = (typeof flowKinds)[number]

/** What became of a flow; `restarted` is a lost login that began again by itself. */
export type FlowOutcome = 'running' | 'waiting' | 'done' | 'failed' | 'restarted'

/** One login, refresh, logout, API call or refused page, as far as it has come. */
export interface Flow {
  readonly id: string
  readonly kind: FlowKind
  readonly events: readonly FlowEvent[]
  /** Events beyond the limit, which were not kept. */
  readonly dropped: number
}

const kindOf: Readonly<Record<string, FlowKind>> = {
  login: 'login',
  refresh: 'refresh',
  logout: 'logout',
  api: 'api',
  guard: 'guard',
}

/** The kind of flow that an event is a step of; `undefined` for what is no step of its own. */
export const kindOfEvent = (name: EventName): FlowKind | undefined =>
  kindOf[name.split('.')[0] ?? '']

export const startOf = ({ events }: Flow): number => events[0]?.time ?? 0

/** The flow's own newest event, apart from what others did meanwhile. */
export function lastOwn({ events, kind }: Flow): FlowEvent | undefined {
  return events.findLast(({ name }) => kindOfEvent(name) === kind)
}

export function outcomeOf(flow: Flow): FlowOutcome {
  const last = lastOwn(flow)
  if (flow.kind === 'api') return apiOutcome(last)
  if (flow.kind === 'guard') return 'failed'
  const has = (name: string) => flow.events.some((event) => event.name === name)
  if (has(`${flow.kind}.failed`)) return 'failed'
  if (has(`${flow.kind}.completed`)) return 'done'
  if (last?.name === 'login.restarted') return 'restarted'
  return last?.name === 'login.redirected' ? 'waiting' : 'running'
}

/** A call that was refused may be tried once more, so its newest event decides. */
function apiOutcome(last: FlowEvent | undefined): FlowOutcome {
  if (last?.name === 'api.failed') return 'failed'
  if (last?.name !== 'api.completed') return 'running'
  return Number(last.facts['status']) >= 400 ? 'failed' : 'done'
}

/** The event that ended the flow. */
export function endOf(flow: Flow): FlowEvent | undefined {
  const outcome = outcomeOf(flow)
  if (outcome === 'running' || outcome === 'waiting') return undefined
  const own = `${flow.kind}.`
  const ends = ['completed', 'failed', 'restarted', 'refused'].map((end) => own + end)
  return flow.events.findLast(({ name }) => ends.includes(name))
}

export const errorOf = (flow: Flow): ErrorCode | undefined => endOf(flow)?.error

/** Whether the app itself is busy with the flow, and not the browser or an API. */
export function isWorking(flow: Flow): boolean {
  return flow.kind !== 'api' && outcomeOf(flow) === 'running'
}

/** Digest of the token set: the same in all flows of one login. */
export function loginOf({ events }: Flow): string | undefined {
  return textIn(events, 'tokenSet')
}

/** The newest text that one of the events has under this name. */
export function textIn(events: readonly FlowEvent[], name: string): string | undefined {
  const value = events.findLast(({ facts }) => typeof facts[name] === 'string')?.facts[name]
  return typeof value === 'string' ? value : undefined
}

/** Entries of a fact that is a list. */
export function listOf({ facts }: FlowEvent, name: string): readonly string[] {
  const value = facts[name]
  return typeof value === 'object' ? value : []
}

export function textOf({ facts }: FlowEvent, name: string): string {
  const value = facts[name]
  return value === undefined || typeof value === 'object' ? '' : String(value)
}
