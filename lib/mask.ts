import { createHash } from 'node:crypto'
import { printable } from './printable.ts'

/** Parameters whose values are no secret and say what is going on; every other value is masked. */
const plain = new Set([
  'acr_values',
  'client_id',
  'code_challenge_method',
  'display',
  'error',
  'expires_in',
  'grant_type',
  'max_age',
  'prompt',
  'response_mode',
  'response_type',
  'scope',
  'token_type',
  'token_type_hint',
  'ui_locales',
])
/** Addresses are shown without their query, which is not ours to show. */
const addresses = new Set(['iss', 'post_logout_redirect_uri', 'redirect_uri', 'resource'])

/** A digest of something short could be found by trying. */
const minDigestedLength = 16
const maxEntries = 30
const maxNameLength = 40
const maxValueLength = 160

/** Enough to recognise a value where it comes up again, and nothing to use it with. */
export function digestOf(value: string): string {
  return `#${createHash('sha256').update(value).digest('hex').slice(0, 6)}`
}

/** What may be said of a secret, such as `43 chars #a1b2c3`. */
export function shapeOf(value: string): string {
  const length = `${value.length} chars`
  return value.length < minDigestedLength ? length : `${length} ${digestOf(value)}`
}

type Parameters = Iterable<readonly [name: string, value: string | number | undefined]>

/** Names with what may be said of their values: `scope: openid`, `state: 43 chars #a1b2c3`. */
export function shapesOf(parameters: Parameters): string[] {
  const shapes: string[] = []
  for (const [name, value] of parameters) {
    if (value === undefined) continue
    if (shapes.length === maxEntries) return [...shapes, 'and more']
    shapes.push(`${printable(name, maxNameLength)}: ${shown(name, String(value))}`)
  }
  return shapes
}

function shown(name: string, value: string): string {
  if (plain.has(name)) return printable(value, maxValueLength)
  if (addresses.has(name) && URL.canParse(value)) return addressOf(new URL(value))
  return shapeOf(value)
}

/** An address without what may be secret in it. */
export function addressOf({ origin, pathname, protocol, host }: URL): string {
  return printable((origin === 'null' ? `${protocol}//${host}` : origin) + pathname, maxValueLength)
}

/** Names of claims; never their values. */
export const namesOf = (record: object): string[] =>
  Object.keys(record)
    .slice(0, maxEntries)
    .map((name) => printable(name, maxNameLength))

/** Our own end in a digest of the state, which is nobody's business either. */
const cookieName = (name: string): string =>
  printable(name.replace(/(oauth-tx-).+/, '$1*'), maxNameLength)

/** Names of the cookies of a request. */
export const cookieNames = (cookies: object): string[] =>
  Object.keys(cookies).slice(0, maxEntries).map(cookieName)

/** The cookies of a `Set-Cookie` header. */
export function cookieShapes(header: string | number | readonly string[] | undefined): string[] {
  const lines = typeof header === 'object' ? header : header === undefined ? [] : [String(header)]
  return lines.slice(0, maxEntries).map((line) => {
    const [pair = ''] = line.split(';')
    const end = pair.indexOf('=')
    const value = pair.slice(end + 1)
    const shape = value === '' ? 'removed' : shapeOf(value)
    return `${cookieName(pair.slice(0, end))}: ${shape}`
  })
}

/** A path on our own origin without query and fragment. */
export const pathOnly = (address: string): string => printable(address.split(/[?#]/)[0])
