import leven from 'leven'
import type * as v from 'valibot'
import { environment } from './environment.ts'
import { optionsSchema } from './options.ts'

/** Options whose values must not be repeated in a message. */
const confidential = new Set(['clientSecret', 'secret', 'session'])

/** What people write who come from other packages, and what it is called here. */
const aliases: Record<string, string> = {
  audience: "authorizationParams: { audience: '...' }",
  authRequired: 'requireAuth() on the routes',
  baseURL: 'baseUrl',
  callbackURL: 'baseUrl and routes.callback',
  clientAuthMethod: 'tokenEndpointAuthMethod',
  clientID: 'clientId',
  idpLogout: 'logout.provider',
  issuerBaseURL: 'issuer',
  redirectUri: 'baseUrl and routes.callback',
  redirect_uri: 'baseUrl and routes.callback',
}

function suggestion(key: string, known: readonly string[]): string {
  const alias = Object.hasOwn(aliases, key) ? aliases[key] : undefined
  if (alias) return `did you mean ${alias}?`
  const plain = (name: string) => name.replaceAll(/[_-]/g, '').toLowerCase()
  const scored = known.map((name) => ({ name, distance: leven(plain(name), plain(key)) }))
  const best = scored.toSorted((a, b) => a.distance - b.distance)[0]
  if (best && best.distance <= Math.max(2, key.length / 4)) return `did you mean '${best.name}'?`
  return `known here: ${known.join(', ')}`
}

const withoutUser = (url: string): string => url.replace(/\/\/[^/]*@/, '//')

function shown(path: string, value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof URL) return `'${withoutUser(value.href)}'`
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'function') return 'a function'
  const hidden = confidential.has(path.split('.')[0] ?? '')
  if (typeof value === 'string') {
    return hidden ? `a text of ${value.length} characters` : `'${withoutUser(value).slice(0, 80)}'`
  }
  return hidden ? `a ${typeof value}` : `${value as number | boolean}`
}

/** What is read of a schema, whatever it is wrapped in, to name its keys and what they take. */
interface SchemaNode {
  readonly entries?: Readonly<Record<string, SchemaNode>>
  readonly wrapped?: SchemaNode
  readonly options?: readonly (SchemaNode | string)[]
  readonly message?: unknown
}

function entriesOf({ entries, wrapped, options = [] }: SchemaNode): SchemaNode['entries'] {
  const inside = [wrapped, ...options].filter((one) => typeof one === 'object')
  return entries ?? inside.map(entriesOf).find(Boolean)
}

function nodeAt(path: readonly string[]): SchemaNode {
  let node: SchemaNode = optionsSchema
  for (const key of path) node = entriesOf(node)?.[key] ?? {}
  return node
}

/** What is wrong with one option, in a sentence that says what to write instead. */
export function describeIssue(issue: v.BaseIssue<unknown>): string {
  // A union reports what its members found; the deepest finding names the real place.
  const inner = issue.issues?.find((one) => one.path)
  if (inner) return describeIssue(nested(issue, inner))
  const path = (issue.path ?? []).map((item) => String(item.key))
  const option = path.join('.')
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const known = Object.keys(entriesOf(nodeAt(path.slice(0, -1))) ?? {})
    return `unknown option '${option}': ${suggestion(path.at(-1) ?? '', known)}`
  }
  const variable = environment[option as keyof typeof environment]
  const source = variable ? ` (or the environment variable ${variable})` : ''
  if (!option) return issue.message
  // The object reports a key that is missing; what belongs there stands in the schema of the key.
  const missing = issue.type === 'strict_object' && issue.input === undefined
  const wanted = missing ? String(nodeAt(path).message) : issue.message
  return `option '${option}'${source} must be ${wanted}; received ${shown(option, issue.input)}`
}

function nested(outer: v.BaseIssue<unknown>, inner: v.BaseIssue<unknown>): v.BaseIssue<unknown> {
  const path = [...(outer.path ?? []), ...(inner.path ?? [])] as unknown as typeof inner.path
  return path ? { ...inner, path } : inner
}
