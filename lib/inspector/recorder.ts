import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { eventNames, type EventName, type FlowEvent } from '../events.ts'
import { isWorking, kindOfEvent, lastOwn, loginOf, type Flow, type FlowKind } from './flow.ts'

const maxFlows = 50
const maxEvents = 200
/** A second try follows its refusal at once; milliseconds. */
const retryWindow = 5_000
/** The flows tell of their calls themselves, in words of their own. */
const untold = new Set<EventName>([
  'provider.requested',
  'provider.completed',
  'provider.failed',
  'store.requested',
  'store.completed',
])

interface OpenFlow extends Flow {
  readonly events: FlowEvent[]
  dropped: number
}

/** The last flows of this process, in memory. */
export interface Recorder {
  /** Newest first. */
  flows(): readonly Flow[]
  flow(id: string): Flow | undefined
  /** Calls back with the id of a flow that has come further; the result stops that. */
  onChange(listener: (flowId: string) => void): () => void
  close(): void
}

/** Listens to every event of this package from now on. */
export function createRecorder(): Recorder {
  const flows = new Map<string, OpenFlow>()
  const listeners = new Set<(flowId: string) => void>()

  const add = (flow: OpenFlow, event: FlowEvent) => {
    if (flow.events.length < maxEvents) flow.events.push(event)
    else flow.dropped += 1
    for (const listener of listeners) listener(flow.id)
  }

  const open = (id: string, kind: FlowKind): OpenFlow => {
    const flow: OpenFlow = { id, kind, events: [], dropped: 0 }
    flows.set(id, flow)
    if (flows.size > maxFlows) forgetOne()
    return flow
  }

  /** Of the kind that there are most of: many API calls must not push out the one login. */
  const forgetOne = () => {
    const counts = new Map<FlowKind, number>()
    for (const { kind } of flows.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    const most = Math.max(...counts.values())
    for (const { id, kind } of flows.values()) {
      if (counts.get(kind) === most) return flows.delete(id)
    }
    return false
  }

  /**
   * What is done once for all who need it, such as discovery, is a step of each of their flows. Only
   * logins wait for keys.
   */
  const share = (event: FlowEvent) => {
    if (event.facts['background'] === true) return
    const forLogins = event.name.startsWith('jwks.')
    for (const flow of flows.values()) {
      if (isWorking(flow) && (flow.kind === 'login' || !forLogins)) add(flow, event)
    }
  }

  /** A refresh between a refused API call and its second try is a branch of that call. */
  const branch = (event: FlowEvent) => {
    for (const flow of flows.values()) if (isPartOf(event, flow)) add(flow, event)
  }

  const isPartOf = (event: FlowEvent, api: OpenFlow): boolean => {
    if (api.kind !== 'api') return false
    if (api.events.some(({ flow }) => flow === event.flow)) return true
    const refresh = flows.get(event.flow)
    const last = lastOwn(api)
    if (!refresh || last?.facts['status'] !== 401) return false
    return event.time - last.time < retryWindow && loginOf(refresh) === loginOf(api)
  }

  const receive = (message: unknown) => {
    const event = message as FlowEvent
    const kind = kindOfEvent(event.name)
    if (kind) add(flows.get(event.flow) ?? open(event.flow, kind), event)
    else if (flows.has(event.flow)) add(flows.get(event.flow) as OpenFlow, event)
    else if (event.name !== 'warning') share(event)
    if (kind === 'refresh') branch(event)
  }

  const channels = eventNames
    .filter((name) => !untold.has(name))
    .map((name) => `express-oauth-client:${name}`)
  for (const channel of channels) subscribe(channel, receive)
  return {
    flows: () => [...flows.values()].toReversed(),
    flow: (id) => flows.get(id),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      for (const channel of channels) unsubscribe(channel, receive)
      listeners.clear()
    },
  }
}
