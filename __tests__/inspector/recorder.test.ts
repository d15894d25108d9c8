import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { emit, eventNames, type EventFacts, type EventName } from '../../lib/events.ts'
import { outcomeOf } from '../../lib/inspector/flow.ts'
import { createRecorder, type Recorder } from '../../lib/inspector/recorder.ts'
import { stepsOf } from '../../lib/inspector/tell.ts'

let recorder: Recorder
beforeEach(() => {
  recorder = createRecorder()
})
afterEach(() => recorder.close())

const say = (name: EventName, flow: string, facts: EventFacts = {}) =>
  emit(name, flow, () => ({ facts }))

describe('the recorder', () => {
  test('keeps the newest fifty flows', () => {
    for (let index = 0; index < 120; index += 1) say('login.started', `login-${index}`)
    const ids = recorder.flows().map(({ id }) => id)
    expect(ids).toHaveLength(50)
    expect(ids[0]).toBe('login-119')
    expect(recorder.flow('login-69')).toBeUndefined()
  })

  test('does not let many API calls push out the one login', () => {
    say('login.started', 'the-login')
    for (let index = 0; index < 500; index += 1) say('api.requested', `call-${index}`)
    expect(recorder.flows()).toHaveLength(50)
    expect(recorder.flow('the-login')).toBeDefined()
  })

  test('keeps two hundred events of a flow and counts the rest', () => {
    say('login.started', 'long')
    for (let index = 0; index < 300; index += 1) say('warning', 'long')
    expect(recorder.flow('long')?.events).toHaveLength(200)
    expect(recorder.flow('long')?.dropped).toBe(101)
  })

  test('makes discovery a step of the logins that wait for it, and of no other flow', () => {
    say('login.started', 'waits')
    say('login.started', 'is-away')
    say('login.redirected', 'is-away')
    say('api.requested', 'call')
    say('discovery.requested', 'discovery', { issuer: 'https://idp.example/' })
    say('discovery.requested', 'discovery', { issuer: 'https://idp.example/', background: true })
    const namesIn = (id: string) => recorder.flow(id)?.events.map(({ name }) => name)
    expect(namesIn('waits')).toEqual(['login.started', 'discovery.requested'])
    expect(namesIn('is-away')).toEqual(['login.started', 'login.redirected'])
    expect(namesIn('call')).toEqual(['api.requested'])
    expect(recorder.flow('discovery')).toBeUndefined()
  })

  test('leaves out the single calls, which the flows tell of in their own words', () => {
    say('login.started', 'working')
    for (const end of ['requested', 'completed', 'failed'] as const) say(`provider.${end}`, 'call')
    say('store.requested', 'call')
    say('store.completed', 'call')
    say('store.failed', 'call')
    const names = recorder.flow('working')?.events.map(({ name }) => name)
    expect(names).toEqual(['login.started', 'store.failed'])
    expect(recorder.flows()).toHaveLength(1)
  })

  test('makes a refresh a branch of the refused API call of the same login only', () => {
    say('api.requested', 'mine', { tokenSet: '#aaaaaa' })
    say('api.requested', 'theirs', { tokenSet: '#bbbbbb' })
    for (const id of ['mine', 'theirs']) say('api.completed', id, { status: 401 })
    say('refresh.started', 'refresh', { tokenSet: '#aaaaaa' })
    say('refresh.completed', 'refresh')
    expect(recorder.flow('mine')?.events).toHaveLength(4)
    expect(recorder.flow('theirs')?.events).toHaveLength(2)
    expect(recorder.flow('refresh')?.events).toHaveLength(2)
  })

  test('knows what became of a flow', () => {
    const after = (...names: EventName[]) => {
      const flow = names.join(' ')
      for (const name of names) say(name, flow, { status: 200 })
      const recorded = recorder.flow(flow)
      return recorded && outcomeOf(recorded)
    }
    expect(after('login.started')).toBe('running')
    expect(after('login.started', 'login.redirected')).toBe('waiting')
    expect(after('login.started', 'login.redirected', 'login.callback_received')).toBe('running')
    expect(after('login.started', 'login.completed')).toBe('done')
    expect(after('login.started', 'login.failed')).toBe('failed')
    expect(after('login.restarted')).toBe('restarted')
    expect(after('logout.started', 'logout.completed', 'logout.revocation_completed')).toBe('done')
    expect(after('api.requested', 'api.completed')).toBe('done')
    expect(after('api.requested', 'api.completed', 'api.retried')).toBe('running')
    expect(after('api.requested', 'api.failed')).toBe('failed')
  })

  test('hears nothing any more once it is closed', () => {
    recorder.close()
    say('login.started', 'late')
    expect(recorder.flows()).toEqual([])
  })
})

test('every event of the list can be told in any order, with no facts at all', () => {
  for (const first of eventNames) {
    for (const second of eventNames) {
      say(first, 'any')
      say(second, 'any')
    }
    for (const flow of recorder.flows())
      expect(stepsOf(flow).every(({ title }) => title)).toBe(true)
  }
})
