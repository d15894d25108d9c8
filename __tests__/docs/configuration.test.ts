import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { createAuth } from '../../lib/auth.ts'
import { readConfig } from '../../lib/config.ts'
import { optionsSchema, type OAuthOptions } from '../../lib/options.ts'
import { isOAuthError } from '../../lib/errors.ts'
import { oauth } from '../../lib/oauth.ts'
import { requireAuth, type RequireAuthOptions } from '../../lib/require-auth.ts'

const document = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

interface Section {
  readonly title: string
  readonly text: string
}

const sections: Section[] = document.split(/^(?=##+ )/m).map((text) => ({
  title: /^#+ (.*)$/m.exec(text)?.[1] ?? '',
  text,
}))

/** Cells of the tables in a text, without their head. */
function rowsIn(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('| '))
  const cells = lines.map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  )
  return cells.filter(([first = '']) => first.startsWith('`'))
}

const sectionOf = (title: string) => sections.find((one) => one.title === title)?.text ?? ''
const nameIn = (cell = '') => /^`(\w[\w.]*)/.exec(cell)?.[1] ?? cell

const optionTables = sections
  .filter(({ text }) => text.includes('| option | what to write | default | meaning |'))
  .flatMap(({ text }) => rowsIn(text))

/** What is read of a schema of any kind. */
interface Node {
  readonly type: string
  readonly entries?: Readonly<Record<string, Node>>
  readonly wrapped?: Node
  readonly options?: readonly (Node | string)[]
  readonly default?: unknown
}

function entriesOf({ entries, wrapped, options = [] }: Node): Node['entries'] {
  const inside = [wrapped, ...options].filter((one) => typeof one === 'object')
  return entries ?? inside.map(entriesOf).find((one) => one && Object.keys(one).length > 0)
}

function written(value: unknown): string {
  if (value === undefined) return '–'
  return `\`${typeof value === 'string' ? `'${value}'` : JSON.stringify(value)}\``
}

/** Every option of a schema with its default, nested ones with a dot. */
function optionsOf(node: Node, prefix = ''): [string, string][] {
  return Object.entries(entriesOf(node) ?? {}).flatMap(([name, entry]) => [
    [prefix + name, entry.type === 'optional' ? written(entry.default) : 'required'] as [
      string,
      string,
    ],
    ...optionsOf(entry, `${prefix}${name}.`),
  ])
}

function complaintOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isOAuthError(error)) return error.message
    throw error
  }
  throw new Error('nothing was wrong')
}

describe('the tables of options', () => {
  it('list every option once, with its default, and no other', () => {
    const documented = optionTables.map(
      ([option = '', , value = '']) => `${nameIn(option)} ${value}`,
    )
    const existing = optionsOf(optionsSchema).map(([name, value]) => `${name} ${value}`)
    expect(existing.length).toBeGreaterThan(40)
    expect(documented.toSorted()).toEqual(existing.toSorted())
  })

  it('say of every option what to write and what it means', () => {
    const poor = optionTables.filter(
      ([, write = '', , meaning = '']) => write.length < 3 || meaning.length < 15,
    )
    expect(poor).toEqual([])
  })

  it('tell defaults that are those of a configuration', () => {
    const config = readConfig({
      issuer: 'https://idp.example.com',
      clientId: 'x',
      clientSecret: 'x',
      baseUrl: 'https://app.example.com',
      secret: 'x'.repeat(32),
    }) as unknown as Record<string, unknown>
    const filled = optionTables.filter(([, , value = '']) => /^`[^{]/.test(value))
    const found = filled.map(([option = '']) =>
      nameIn(option)
        .split('.')
        .reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], config),
    )
    expect(found.map(written)).toEqual(filled.map(([, , value]) => value))
  })
})

describe('the table of environment variables', () => {
  it('lists those that are read', () => {
    const message = complaintOf(() => readConfig({}))
    const read = [...message.matchAll(/option '(\w+)' \(or the environment variable (\w+)\)/g)]
    const documented = rowsIn(sectionOf('Environment variables')).map(
      ([variable = '', option = '']) => [nameIn(option), nameIn(variable)],
    )
    expect(read.length).toBe(5)
    expect(documented).toEqual(read.map(([, option, variable]) => [option, variable]))
  })
})

describe('the other tables', () => {
  it('list the options of requireAuth()', () => {
    const nonsense = { nonsense: true } as RequireAuthOptions
    const message = complaintOf(() => requireAuth(nonsense))
    const known = /known here: (.*)$/.exec(message)?.[1]?.split(', ') ?? []
    const documented = rowsIn(sectionOf('`requireAuth(options)`')).map(([option]) => nameIn(option))
    expect(known.length).toBeGreaterThan(5)
    expect(documented.toSorted()).toEqual(known.toSorted())
  })

  it('list the members of req.auth', () => {
    const auth = createAuth(...([] as unknown as Parameters<typeof createAuth>))
    const members = Object.getOwnPropertyNames(Object.getPrototypeOf(auth))
    const shown = members.filter((name) => !['constructor', 'toJSON'].includes(name))
    const documented = rowsIn(sectionOf('`req.auth`')).map(([member]) => nameIn(member))
    expect(shown.length).toBeGreaterThan(5)
    expect(documented.toSorted()).toEqual(shown.toSorted())
  })

  it('list the members of the middleware', () => {
    const options: OAuthOptions = {
      issuer: 'https://idp.example.com',
      clientId: 'x',
      clientSecret: 'x',
      baseUrl: 'https://app.example.com',
      secret: 'x'.repeat(32),
    }
    const documented = rowsIn(sectionOf('The middleware')).map(([member]) => nameIn(member))
    expect(documented.toSorted()).toEqual(Object.keys(oauth(options)).toSorted())
  })
})
