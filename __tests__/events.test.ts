import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it } from '@jest/globals'
import { emit, eventNames, type FlowEvent } from '../lib/events.ts'

const subscribed: (() => void)[] = []
afterEach(() => {
  for (const end of subscribed.splice(0)) end()
})

function eventsOf(name: string): FlowEvent[] {
  const events: FlowEvent[] = []
  const channel = `express-oauth-client:${name}`
  const collect = (event: unknown) => void events.push(event as FlowEvent)
  subscribe(channel, collect)
  subscribed.push(() => unsubscribe(channel, collect))
  return events
}

describe('the list of events', () => {
  it('has no name twice', () => {
    expect(new Set(eventNames).size).toBe(eventNames.length)
  })

  it.each(['login', 'refresh', 'logout'])('lets every %s end, well or not', (flow) => {
    expect(eventNames).toEqual(
      expect.arrayContaining([`${flow}.started`, `${flow}.completed`, `${flow}.failed`]),
    )
  })
})

describe('emit', () => {
  it.each(eventNames)('publishes %s to its subscribers', (name) => {
    const events = eventsOf(name)
    emit(name, 'f-1')
    expect(events).toEqual([{ name, flow: 'f-1', time: expect.any(Number), facts: {} }])
  })

  it('publishes duration, error and facts', () => {
    const events = eventsOf('login.failed')
    const before = Date.now()
    emit('login.failed', 'f-1', () => ({
      duration: 12,
      error: 'ERR_STATE_UNKNOWN',
      facts: { detail: 'no cookie' },
    }))
    expect(events).toEqual([
      {
        name: 'login.failed',
        flow: 'f-1',
        time: expect.any(Number),
        duration: 12,
        error: 'ERR_STATE_UNKNOWN',
        facts: { detail: 'no cookie' },
      },
    ])
    expect(events[0]?.time).toBeGreaterThanOrEqual(before)
  })

  it('computes nothing when nobody listens', () => {
    let computed = 0
    const details = () => {
      computed += 1
      return {}
    }
    emit('login.started', 'f-1', details)
    expect(computed).toBe(0)
    eventsOf('login.started')
    emit('login.started', 'f-1', details)
    expect(computed).toBe(1)
  })

  it('reaches only those who subscribed to that name', () => {
    const events = eventsOf('logout.started')
    emit('login.started', 'f-1')
    expect(events).toEqual([])
  })
})
