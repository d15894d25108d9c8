import { TraceFlags, type SpanContext } from '@opentelemetry/api'
import { expect, test } from '@jest/globals'
import { createStartedLogins } from '../../lib/opentelemetry/started-logins.ts'

const minute = 60_000
const span = (spanId: string): SpanContext => ({
  traceId: 'f'.repeat(32),
  spanId,
  traceFlags: TraceFlags.SAMPLED,
})

test('the span of a login is given once', () => {
  const logins = createStartedLogins()
  logins.remember('one', span('1'), 0)
  expect(logins.take('one', 14 * minute)).toEqual(span('1'))
  expect(logins.take('one', 14 * minute)).toBeUndefined()
  expect(logins.take('unknown', 0)).toBeUndefined()
})

test('a login that takes longer than a login may take is forgotten', () => {
  const logins = createStartedLogins()
  logins.remember('one', span('1'), 0)
  logins.remember('two', span('2'), minute)
  expect(logins.take('one', 15 * minute)).toBeUndefined()
  expect(logins.size()).toBe(1)
  expect(logins.take('two', 15 * minute)).toEqual(span('2'))
})

test('of very many the newest thousand are remembered', () => {
  const logins = createStartedLogins()
  for (let index = 0; index < 3_000; index += 1) logins.remember(`${index}`, span(`${index}`), 0)
  expect(logins.size()).toBe(1_000)
  expect(logins.take('1999', 0)).toBeUndefined()
  expect(logins.take('2000', 0)).toEqual(span('2000'))
})
