import { execFile } from 'node:child_process'
import { channel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { emit, eventNames, type EventFacts, type EventName } from '../../lib/events.ts'
import { counters, histograms } from '../../lib/opentelemetry/metric-table.ts'
import { instrument } from '../../lib/opentelemetry/index.ts'
import { createProviders, type Series } from '../opentelemetry/providers.ts'

const root = new URL('../../', import.meta.url)
const document = readFileSync(new URL('docs/opentelemetry.md', root), 'utf8')
const [, options = '', spanText = '', metricText = ''] = document.split(/^## /m)

interface Row {
  readonly name: string
  readonly middle: string
  readonly attributes: readonly string[]
}

/** Attributes are the names before and between the parentheses that explain them. */
const rowsIn = (text: string): readonly Row[] =>
  [...text.matchAll(/^\| `([^`]+)` \| (.*?) \| (.*?) \|$/gm)].map(
    ([, name = '', middle = '', attributes = '']) => ({
      name,
      middle,
      attributes: [...attributes.replaceAll(/\([^)]*\)/g, '').matchAll(/`([\w.]+)`/g)]
        .map(([, attribute = '']) => attribute)
        .toSorted(),
    }),
  )

const everyFact: EventFacts = {
  attempt: 2,
  method: 'GET',
  oauthError: 'invalid_grant',
  operation: 'read',
  origin: 'https://idp.example.com',
  outcome: 'dead',
  path: '/jwks',
  reason: 'forced',
  version: 7,
  warning: 'WARN_CLOCK_SKEW',
}

/** Each flow in each way that it can go, with all facts that there are. */
const ways: ReadonlyArray<readonly EventName[]> = [
  ['login.started', 'login.redirected'],
  ['login.started', 'login.failed'],
  ['login.callback_received', 'login.completed'],
  ['login.callback_received', 'login.failed'],
  ['login.restarted'],
  ['refresh.started', 'refresh.waited', 'refresh.persisted', 'refresh.completed'],
  ['refresh.started', 'refresh.failed'],
  ['logout.started', 'logout.completed'],
  ['logout.started', 'logout.failed'],
  ['provider.requested', 'provider.completed'],
  ['provider.requested', 'provider.failed'],
  ['api.requested', 'api.completed'],
  ['api.requested', 'api.failed'],
  ['api.retried'],
  ['store.requested', 'store.completed'],
  ['store.requested', 'store.failed'],
  ['guard.refused'],
  ['warning'],
]

function publish(names: readonly EventName[]): void {
  for (const name of names) {
    emit(name, names.join(), () => ({
      duration: 1,
      ...(/failed|refused|restarted/.test(name) ? { error: 'ERR_LOGIN_EXPIRED' } : {}),
      facts: { ...everyFact, ...(name.endsWith('.completed') ? { status: 500 } : {}) },
    }))
  }
}

/** The name that the table has for a span. */
function rowNameOf(span: string): string {
  if (span.startsWith('oauth.store ')) return 'oauth.store {operation}'
  return span.replace(/^GET/, '{method}').replace('/jwks', '{path}')
}

describe('the tables of spans and metrics', () => {
  const spans = new Map<string, Set<string>>()
  let series: readonly Series[]

  beforeAll(async () => {
    const { providers, series: collect, spanExporter } = createProviders()
    const stop = instrument(providers)
    for (const names of ways) publish(names)
    stop()
    series = await collect()
    for (const { attributes, name } of spanExporter.getFinishedSpans()) {
      const known = spans.get(rowNameOf(name)) ?? new Set()
      for (const attribute of Object.keys(attributes)) known.add(attribute)
      spans.set(rowNameOf(name), known)
    }
  })

  it('have every span with every attribute that it can have', () => {
    const made = [...spans].map(([name, attributes]) => [name, [...attributes].toSorted()])
    const documented = rowsIn(spanText).map(({ attributes, name }) => [name, attributes])
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(made))
  })

  it('have every metric with its kind, its unit and every attribute', () => {
    const made = new Map<string, { unit: string; attributes: Set<string> }>()
    for (const { attributes, name, unit } of series) {
      const one = made.get(name) ?? { unit, attributes: new Set() }
      for (const attribute of Object.keys(attributes)) one.attributes.add(attribute)
      made.set(name, one)
    }
    const isCounter = (name: string) => Object.values(counters).some((one) => one.name === name)
    const rows = [...made].map(([name, { attributes, unit }]) => ({
      name,
      middle: `${isCounter(name) ? 'counter' : 'histogram'}, \`${unit}\``,
      attributes: [...attributes].toSorted(),
    }))
    const byName = (some: readonly Row[]) => Object.fromEntries(some.map((one) => [one.name, one]))
    expect(byName(rowsIn(metricText))).toEqual(byName(rows))
    const defined = [...Object.values(histograms), ...Object.values(counters)]
    expect(rows.map(({ name }) => name).toSorted()).toEqual(
      defined.map(({ name }) => name).toSorted(),
    )
  })

  it('are made of every event that something is made of', () => {
    const { providers } = createProviders()
    const stop = instrument(providers)
    const heard = eventNames.filter(
      (name) => channel(`express-oauth-client:${name}`).hasSubscribers,
    )
    stop()
    expect(heard.toSorted()).toEqual([...new Set(ways.flat())].toSorted())
  })

  it('have every option', () => {
    const documented = [...options.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
    const known = /known here: (.*)$/.exec(problemOf({ nothing: 1 }))?.[1]
    expect(documented.join(', ')).toBe(known)
  })
})

function problemOf(wrong: object): string {
  try {
    instrument(wrong)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('instrument() has taken what it should refuse')
}

describe('the examples', () => {
  /** In a process of its own, with the built package. */
  const run = async (code: string) => {
    const publishing = `
      const { channel } = await import('node:diagnostics_channel')
      const event = { flow: 'flow-1', time: Date.now(), duration: 5, facts: {} }
      channel('express-oauth-client:logout.completed').publish({ ...event, name: 'logout.completed' })`
    const script = ['--input-type=module', '--eval', code + publishing]
    const cwd = fileURLToPath(root)
    const env = { ...process.env, NODE_OPTIONS: '' }
    return promisify(execFile)(process.execPath, script, { cwd, env })
  }

  it('write spans to the console', async () => {
    const [, code = ''] = /^```js\n(.*?)^```/ms.exec(document) ?? []
    const { stderr, stdout } = await run(code)
    expect(stdout).toContain("name: 'oauth.logout'")
    expect(stdout).toContain("'oauth.flow.id': 'flow-1'")
    expect(stderr).toBe('')
  })

  it('need two lines where an SDK is, and do no harm where none is', async () => {
    const [, diff = ''] = /^```diff\n(.*?)^```/ms.exec(document) ?? []
    const added = diff.split('\n').filter((line) => line.startsWith('+'))
    expect(added).toHaveLength(2)
    const { stderr, stdout } = await run(added.map((line) => line.slice(1)).join('\n'))
    expect({ stderr, stdout }).toEqual({ stderr: '', stdout: '' })
  })
})
