import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import { adviceFor, docsOf } from './error-advice.ts'
import type { EventName, FlowEvent } from './events.ts'
import { inspectorUrl } from './inspector-link.ts'
import { printable } from './printable.ts'

const log = debuglog('express-oauth-client')
const columns = 76
const maxPending = 500

type Line = (event: FlowEvent, startedAt: number) => string

const took = ({ duration }: FlowEvent) => (duration === undefined ? '' : ` in ${duration} ms`)

const lines: Partial<Record<EventName, Line>> = {
  'login.completed': (event, startedAt) =>
    `signed in after ${event.time - startedAt} ms${event.duration === undefined ? '' : `, ${event.duration} ms of them since the callback`}`,
  'login.restarted': ({ error }) => `begins again: ${error ?? ''}`,
  'login.failed': failedLine,
  'refresh.completed': (event) => `access token renewed${took(event)}`,
  'refresh.failed': failedLine,
  'logout.completed': (event) => `signed out${took(event)}`,
  'logout.failed': failedLine,
  'api.completed': (event) =>
    `${target(event)} answered ${String(event.facts['status'])}${took(event)}`,
  'api.failed': (event) => `${target(event)} failed${took(event)}: ${text(event, 'detail')}`,
}

function failedLine(event: FlowEvent, startedAt: number): string {
  return `failed after ${event.time - startedAt} ms: ${event.error ?? 'an error of the app'}`
}

const text = ({ facts }: FlowEvent, name: string) => String(facts[name] ?? '')

const target = (event: FlowEvent) =>
  `${text(event, 'method')} ${text(event, 'origin')}${text(event, 'path')}`

/**
 * One line for every flow that ends, and a box with cause and fix for one that fails.
 *
 * @internal
 */
export function createFlowLog(write: (line: string) => void): { close(): void } {
  const startedAt = new Map<string, number>()

  const receive = (message: unknown) => {
    const event = message as FlowEvent
    const [kind = ''] = event.name.split('.')
    if (event.name.endsWith('.started')) {
      startedAt.set(event.flow, event.time)
      const [oldest] = startedAt.keys()
      if (startedAt.size > maxPending && oldest !== undefined) startedAt.delete(oldest)
      return
    }
    const line = lines[event.name]?.(event, startedAt.get(event.flow) ?? event.time)
    startedAt.delete(event.flow)
    write(printable(`${kind.padEnd(7)} ${event.flow}  ${line ?? ''}`, 400))
    if (event.error && event.name.endsWith('.failed')) write(boxOf(event))
  }

  const channels = [
    ...Object.keys(lines),
    'login.started',
    'refresh.started',
    'logout.started',
  ].map((name) => `express-oauth-client:${name}`)
  for (const channel of channels) subscribe(channel, receive)
  return {
    close() {
      for (const channel of channels) unsubscribe(channel, receive)
    },
  }
}

function boxOf(event: FlowEvent): string {
  const { error, flow } = event
  if (!error) return ''
  const { cause, fix, reference } = adviceFor(error, text(event, 'oauthError'))
  const rows = [
    ['what', text(event, 'detail') || error],
    ['cause', cause],
    ['fix', fix],
    ['see', `${docsOf(error)}, ${reference.label}`],
    ['flow', inspectorUrl(flow) ?? ''],
  ].filter(([, value]) => value)
  const body = rows.flatMap(([label = '', value = '']) =>
    wrap(printable(value, 600)).map((line, index) => `${(index ? '' : label).padEnd(6)} ${line}`),
  )
  const edge = '-'.repeat(columns + 9)
  return ['', `+${edge}`, `| ${error}`, ...body.map((line) => `| ${line}`), `+${edge}`].join('\n')
}

function wrap(value: string): string[] {
  const wrapped: string[] = []
  let line = ''
  for (const word of value.split(/\s+/)) {
    if (line && line.length + word.length >= columns) {
      wrapped.push(line)
      line = ''
    }
    line += line ? ` ${word}` : word
  }
  return [...wrapped, line]
}

let started = false

/**
 * Writes to standard error what becomes of every flow, where NODE_DEBUG=express-oauth-client.
 *
 * @internal
 */
export function startFlowLog(): void {
  if (started || !log.enabled) return
  started = true
  createFlowLog((line) => log('%s', line))
}
