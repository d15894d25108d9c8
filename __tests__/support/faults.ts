import { setTimeout as delay } from 'node:timers/promises'
import { createHold, type Hold } from './hold.ts'

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
}

/** Which requests a fault is for: all of a path, or those of one grant. */
export interface FaultTarget {
  readonly path: string
  readonly grantType?: string
  /** How many requests are hit; without it all of them until `clear()`. */
  readonly times?: number
}

export type Fault =
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** Answers in place of the server, which never sees the request. */
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** Changes what the server answered. */
  | { readonly kind: 'change'; readonly change: (answer: Answer) => Answer }
  /** The connection is cut before the server has seen the request. */
  | { readonly kind: 'reset' }
  /** The server does its work and the answer never arrives. */
  | { readonly kind: 'lost-answer' }
  | { readonly kind: 'hold-before'; readonly hold: Hold }
  | { readonly kind: 'hold-after'; readonly hold: Hold }

export interface FaultList {
  add(target: FaultTarget, fault: Fault): void
  /** Lets requests wait before the server sees them, or before its answer leaves. */
  hold(target: FaultTarget, when?: 'before' | 'after'): Hold
  clear(): void
  /** The answer under all faults that match; `undefined` means: cut the connection. */
  apply(
    request: { path: string; grantType: string | undefined },
    serve: () => Promise<Answer>,
  ): Promise<Answer | undefined>
}

interface Entry {
  readonly target: FaultTarget
  readonly fault: Fault
  left: number
}

export function createFaultList(): FaultList {
  let entries: Entry[] = []

  function take(request: { path: string; grantType: string | undefined }): Fault[] {
    const matching = entries.filter(
      ({ target, left }) =>
        left > 0 &&
        target.path === request.path &&
        (target.grantType === undefined || target.grantType === request.grantType),
    )
    for (const entry of matching) entry.left -= 1
    return matching.map(({ fault }) => fault)
  }

  function add(target: FaultTarget, fault: Fault): void {
    entries.push({ target, fault, left: target.times ?? Infinity })
  }

  return {
    add,
    hold(target, when = 'before') {
      const hold = createHold()
      add(target, { kind: `hold-${when}`, hold })
      return hold
    },
    clear() {
      for (const { fault } of entries) if ('hold' in fault) fault.hold.release()
      entries = []
    },
    async apply(request, serve) {
      const faults = take(request)
      const replacement = await faultsBefore(faults)
      if (replacement === 'reset') return undefined
      return faultsAfter(faults, replacement ?? (await serve()))
    },
  }
}

async function faultsBefore(faults: readonly Fault[]): Promise<Answer | 'reset' | undefined> {
  for (const fault of faults) {
    if (fault.kind === 'delay') await delay(fault.milliseconds)
    if (fault.kind === 'hold-before') await fault.hold.pass()
    if (fault.kind === 'reset') return 'reset'
    if (fault.kind === 'answer') return fault.answer
  }
  return undefined
}

async function faultsAfter(faults: readonly Fault[], served: Answer): Promise<Answer | undefined> {
  let answer = served
  for (const fault of faults) {
    if (fault.kind === 'change') answer = fault.change(answer)
    if (fault.kind === 'hold-after') await fault.hold.pass()
    if (fault.kind === 'lost-answer') return undefined
  }
  return answer
}
