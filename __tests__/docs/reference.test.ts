import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { optionsSchema } from '../../lib/config.ts'
import { adviceFor } from '../../lib/error-advice.ts'
import { errorCodes, OAuthError } from '../../lib/errors.ts'
import { eventNames } from '../../lib/events.ts'
import { warningCodes } from '../../lib/warnings.ts'

const read = (name: string) =>
  readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8')

describe('docs/errors.md', () => {
  const page = read('errors')
  const headings = [...page.matchAll(/^### (\S+)$/gm)].map(([, code]) => code)
  const sectionOf = (code: string) => page.split(`### ${code}\n`)[1]?.split('\n### ')[0] ?? ''

  test('has one heading for each error code and each warning, and no other', () => {
    const published = [...errorCodes, ...warningCodes, 'WARN_REFRESHED_ID_TOKEN_UNVERIFIED']
    expect(headings.toSorted()).toEqual(published.toSorted())
  })

  test.each(errorCodes)('%s has the status, message, cause and fix of the code', (code) => {
    const { message, status } = new OAuthError(code)
    const { cause, fix, reference } = adviceFor(code)
    const section = sectionOf(code)
    expect(section).toContain(`**${status}** · Visitors read: “${message}”`)
    expect(section).toContain(`- **Because:** ${cause}`)
    expect(section).toContain(`- **Do:** ${fix}`)
    expect(section).toContain(`- **See:** [${reference.label}](${reference.url})`)
  })
})

describe('docs/events.md', () => {
  test('lists each event once, and no other', () => {
    const listed = [...read('events').matchAll(/^\| `([a-z_.]+)` \|/gm)].map(([, name]) => name)
    const members = ['name', 'flow', 'time', 'duration', 'error', 'facts']
    expect(listed.filter((name) => !members.includes(String(name))).toSorted()).toEqual(
      eventNames.toSorted(),
    )
  })
})

interface Node {
  readonly entries?: Readonly<Record<string, Node>>
  readonly wrapped?: Node
  readonly options?: readonly (Node | string)[]
  readonly default?: unknown
}

const entriesOf = ({ entries, wrapped, options = [] }: Node): Node['entries'] =>
  entries ??
  (wrapped && entriesOf(wrapped)) ??
  options.map((one) => (typeof one === 'string' ? undefined : entriesOf(one))).find(Boolean)

/** Every option by its path, with its default as the page writes it. */
function optionsOf(node: Node, prefix = ''): [name: string, standard: unknown][] {
  return Object.entries(entriesOf(node) ?? {}).flatMap(([key, entry]) => [
    [prefix + key, entry.default] as [string, unknown],
    ...optionsOf(entry, `${prefix}${key}.`),
  ])
}

describe('docs/configuration.md', () => {
  const table = read('configuration').split('## Options')[1]?.split('\n## ')[0] ?? ''
  const rows = new Map(
    [...table.matchAll(/^\| `([\w.]+)` \|[^|]*\|([^|]*)\|/gm)].map(
      ([, name = '', standard = '']) => [name, standard.trim()],
    ),
  )
  const options = optionsOf(optionsSchema as unknown as Node)

  test('has one row for each option, and no other', () => {
    expect([...rows.keys()].toSorted()).toEqual(options.map(([name]) => name).toSorted())
  })

  test.each(options.filter(([, standard]) => standard !== undefined))(
    'tells the default of %s',
    (name, standard) => {
      const written = rows.get(name)?.replaceAll('`', '').replaceAll("'", '')
      expect(written).toBe(
        typeof standard === 'object' ? JSON.stringify(standard) : String(standard),
      )
    },
  )
})
