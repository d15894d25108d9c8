import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { EventName, FlowEvent } from '../../lib/events.ts'

/** The next event of this name. */
export function eventOf(name: EventName): Promise<FlowEvent> {
  const channel = `express-oauth-client:${name}`
  return new Promise((resolve) => {
    const receive = (event: unknown) => {
      unsubscribe(channel, receive)
      resolve(event as FlowEvent)
    }
    subscribe(channel, receive)
  })
}
