import { Agent, request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { sign } from 'cookie-signature'
import fc from 'fast-check'
import { deriveKey } from '../../lib/seal.ts'

/** One request as a hostile or broken client may send it, within what HTTP lets through. */
export interface HostileRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface HostileAnswer {
  readonly status: number
  readonly body: string
}

/** What the requests may know of the app that they are sent to. */
export interface Target {
  readonly secret: string
  readonly browsers: readonly KnownBrowser[]
}

export interface KnownBrowser {
  /** Its whole Cookie header. */
  readonly cookie: string
  /** Of its pending login; a browser that is signed in has none. */
  readonly state: string | undefined
}

const latin1 = (maxLength: number) =>
  fc.string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength,
  })
/** Anything at all, percent-encoded or not, whole or cut off. */
const inQuery = fc.oneof(
  fc.string({ maxLength: 60 }).map(encodeURIComponentSafely),
  fc.string({ unit: 'binary', maxLength: 30 }).map(encodeURIComponentSafely),
  fc
    .string({ unit: 'grapheme-ascii', maxLength: 40 })
    .map((value) => value.replaceAll(/[ #]/g, '+')),
  fc.constantFrom('', '%', '%00', '%0d%0a', '%F0%9F', '%u0041', '[]', '..%2f', '__proto__', '//'),
  fc.integer({ min: 500, max: 6000 }).map((length) => 'x'.repeat(length)),
)

function encodeURIComponentSafely(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

const names = (known: readonly string[]) =>
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: inQuery })

const parameterNames = [
  'state',
  'code',
  'error',
  'error_description',
  'iss',
  'return_to',
  'prompt',
  'login_hint',
  'ui_locales',
  'state[]',
  'code[a]',
  'session_state',
  '__proto__',
  'constructor',
]

const addresses = fc.constantFrom(
  'https://evil.example/',
  '//evil.example',
  '/\\evil.example',
  '%2F%2Fevil.example',
  'javascript:alert(1)',
  'http://[::1',
  'http://%00',
  '/photos?a=b#c',
)

const stateOf = ({ browsers }: Target) => browsers.find(({ state }) => state)?.state ?? ''

const pairsOf = (target: Target) => {
  const value = fc.oneof(inQuery, addresses, fc.constant(stateOf(target)))
  return fc
    .array(fc.tuple(names(parameterNames), value), { maxLength: 8 })
    .map((pairs) => pairs.map((pair) => pair.join('=')).join('&'))
}

const cookieNames = [
  'session',
  'connect.sid',
  'oauth-logins',
  'oauth-restarted',
  'oauth-tx-',
  'oauth-tx-aaaaaaaaaaaaaaaa',
  '__Host-oauth-tx-a',
  '__proto__',
]

const cookieHeader = (target: Target) => {
  const { browsers, secret } = target
  const cookies = browsers.map(({ cookie }) => cookie)
  // A browser cannot sign, but an old cookie of the app's own, or of another purpose, is signed.
  const key = deriveKey(secret, 'transaction-cookie').toString('base64url')
  const signed = fc
    .oneof(inQuery, fc.constantFrom('.', 'a.b.c', '1.2', 'NaN', `${stateOf(target)}.9`))
    .map((value) => encodeURIComponentSafely(sign(value, key)))
  const value = fc.oneof(signed, latin1(80), inQuery, fc.constant('s%3Aabc.def'))
  const made = fc
    .array(fc.tuple(names(cookieNames), value), { maxLength: 12 })
    .map((pairs) => pairs.map((pair) => pair.join('=')).join('; '))
  return fc.oneof(
    made,
    fc.constantFrom(...cookies),
    fc.tuple(fc.constantFrom(...cookies), made).map((both) => both.join('; ')),
    latin1(200),
    fc.constant('a=b; '.repeat(2000)),
  )
}

const headerValue = fc.oneof(
  latin1(60),
  fc.constantFrom(
    'navigate',
    'document',
    'image',
    'cors',
    'same-origin',
    'cross-site',
    'none',
    '?1',
    'text/html',
    '*/*',
    'application/json',
    'https',
    'http',
    'null',
    'http://127.0.0.1',
    'https://evil.example/',
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=utf-7',
    'multipart/form-data',
    'gzip',
    'true',
  ),
)
const headerNames = [
  'accept',
  'sec-fetch-mode',
  'sec-fetch-dest',
  'sec-fetch-site',
  'sec-fetch-user',
  'origin',
  'referer',
  'host',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-for',
  'forwarded',
  'x-requested-with',
  'hx-request',
  'authorization',
  'content-type',
  'content-encoding',
  'user-agent',
  'x-original-url',
]

const headersOf = (target: Target) =>
  fc
    .tuple(
      fc.dictionary(fc.constantFrom(...headerNames), headerValue, { maxKeys: 7 }),
      fc.option(cookieHeader(target), { nil: undefined }),
      fc.boolean(),
    )
    .map(([headers, cookie, navigation]) => ({
      ...(navigation && { 'sec-fetch-mode': 'navigate', accept: 'text/html' }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.trim()])),
      ...(cookie !== undefined && { cookie: cookie.trim() }),
    }))

const routes = ['/login', '/callback', '/logout', '/photos', '/', '/cart']
const pathOf = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...routes) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...routes), fc.constantFrom('/', '//', '/..', '%2f', ';a', '%00'))
      .map((parts) => parts.join('')),
  },
  { weight: 1, arbitrary: inQuery.map((path) => `/${path.slice(0, 200)}`) },
)

const methods = fc.oneof(
  { weight: 6, arbitrary: fc.constant('GET') },
  { weight: 3, arbitrary: fc.constant('POST') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'PROPFIND'),
  },
)

const bodyOf = (target: Target) =>
  fc.oneof(
    { weight: 4, arbitrary: pairsOf(target) },
    { weight: 1, arbitrary: latin1(200) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.constant(`state=${'x'.repeat(70_000)}`) },
  )

const queryOf = (target: Target) =>
  fc.tuple(pathOf, pairsOf(target)).map(([path, query]) => `${path}?${query}`)

/** Almost right: the answer to a login that is pending in this very browser, with things changed. */
const nearMiss = (target: Target): fc.Arbitrary<HostileRequest> => {
  const pending = target.browsers.filter(({ state }) => state !== undefined)
  const code = fc.oneof(inQuery, fc.constant('x'.repeat(43)))
  return fc
    .record({
      browser: fc.constantFrom(...pending),
      outcome: fc.tuple(fc.constantFrom('code', 'error'), code).map((pair) => pair.join('=')),
      rest: pairsOf(target),
      headers: headersOf(target),
      method: fc.constantFrom('GET', 'POST'),
    })
    .map(({ browser: { cookie, state = '' }, outcome, rest, headers, method }) => {
      const answer = `state=${state}&${outcome}&${rest}`
      return {
        method,
        path: method === 'GET' ? `/callback?${answer}` : '/callback',
        headers: { ...headers, cookie },
        body: method === 'GET' ? '' : answer,
      }
    })
}

const anything = (target: Target): fc.Arbitrary<HostileRequest> =>
  fc.record({
    method: methods,
    path: queryOf(target),
    headers: headersOf(target),
    body: bodyOf(target),
  })

export function hostileRequests(target: Target): fc.Arbitrary<HostileRequest> {
  return fc
    .oneof({ weight: 3, arbitrary: anything(target) }, { weight: 1, arbitrary: nearMiss(target) })
    .map((request) => {
      const hasBody = request.method === 'POST' || request.method === 'PUT'
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      return {
        ...request,
        headers: hasBody ? { ...type, ...request.headers } : request.headers,
        body: hasBody ? request.body : '',
      }
    })
}

export interface Sender {
  send(request: HostileRequest): Promise<HostileAnswer>
  close(): void
}

/** Sends over kept connections; an answer that does not come is an error. */
export function createSender(port: number): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  return {
    async send({ method, path, headers, body }) {
      const request = httpRequest({
        host: '127.0.0.1',
        port,
        agent,
        method,
        path,
        headers: {
          ...headers,
          ...(body && { 'content-length': Buffer.byteLength(body, 'latin1') }),
        },
        signal: AbortSignal.timeout(15_000),
      })
      request.end(body, 'latin1')
      const [response] = await once(request, 'response')
      return { status: response.statusCode, body: await text(response) }
    },
    close: () => agent.destroy(),
  }
}
