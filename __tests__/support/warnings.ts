import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { jest } from '@jest/globals'
import type { FlowEvent } from '../../lib/index.ts'

export interface WarningCollection {
  /** Codes as events, in order. */
  readonly events: readonly unknown[]
  /** Codes that the process was warned of, in order. */
  readonly printed: unknown[]
  close(): void
}

const name = 'express-oauth-client:warning'

/** What the package warns of from now on; the process prints none of it. */
export function collectWarnings(): WarningCollection {
  const events: unknown[] = []
  const collect = (message: unknown) => void events.push((message as FlowEvent).facts['warning'])
  const emit = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  subscribe(name, collect)
  return {
    events,
    get printed() {
      return emit.mock.calls.map(([, options]) => (options as { code?: unknown })?.code)
    },
    close() {
      unsubscribe(name, collect)
      emit.mockRestore()
    },
  }
}
