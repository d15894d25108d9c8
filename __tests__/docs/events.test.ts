import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { eventNames, type FlowEvent } from '../../lib/events.ts'

const root = new URL('../../', import.meta.url)
const document = readFileSync(new URL('docs/events.md', root), 'utf8')
const [introduction = '', names = ''] = document.split('## Names')

const rowsIn = (text: string) => [...text.matchAll(/^\| `([\w.]+)` \| (.*?) \| (.*?) ?\|$/gm)]

describe('the tables of events', () => {
  it('list every event once, and no other', () => {
    const documented = rowsIn(names).map(([, name = '']) => name)
    expect(documented.toSorted()).toEqual([...eventNames].toSorted())
  })

  it('say of every event when it is published', () => {
    expect(rowsIn(names).filter(([, , when = '']) => when.length < 9)).toEqual([])
  })

  it('list the members that an event has', () => {
    const event: Required<FlowEvent> = {
      name: 'login.failed',
      flow: 'x',
      time: 0,
      duration: 0,
      error: 'ERR_FORBIDDEN',
      facts: {},
    }
    const [, members = ''] = introduction.split('## What an event has')
    const [table = ''] = members.split('A fact never holds')
    const documented = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, member]) => member)
    expect(documented).toEqual(Object.keys(event))
  })
})

describe('the list of events', () => {
  it('has none that is never published', () => {
    const folder = fileURLToPath(new URL('lib', root))
    const files = readdirSync(folder, { recursive: true }).map(String)
    const publishing = files.filter(
      (name) =>
        name.endsWith('.ts') && !/^(inspector|opentelemetry|flow-log|events\.ts)/.test(name),
    )
    const sources = publishing
      .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
      .filter((source) => source.includes('emit('))
      .join('\n')
    expect(eventNames.filter((name) => !sources.includes(`'${name}'`))).toEqual([])
  })
})

describe('the first example', () => {
  it('hears of a login that failed', async () => {
    const [, code = ''] = /^```js\n(.*?)^```/ms.exec(document) ?? []
    const event: FlowEvent = {
      name: 'login.failed',
      flow: 'flow-1',
      time: Date.now(),
      error: 'ERR_STATE_UNKNOWN',
      facts: { detail: 'no cookie' },
    }
    // In a process of its own: what it subscribes stays subscribed.
    const publish = `
      const { channel } = await import('node:diagnostics_channel')
      channel('express-oauth-client:login.failed').publish(${JSON.stringify(event)})`
    const script = ['--input-type=module', '--eval', code + publish]
    const { stderr } = await promisify(execFile)(process.execPath, script)
    expect(stderr).toBe('login flow-1 failed: ERR_STATE_UNKNOWN no cookie\n')
  })
})
