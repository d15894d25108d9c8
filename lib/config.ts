import type { IncomingMessage, ServerResponse } from 'node:http'
import leven from 'leven'
import * as v from 'valibot'
import { OAuthError } from './errors.ts'
import { isSecureOrLoopback } from './secure-url.ts'
import type { TokenStore } from './tokens/token-store.ts'
import type { UserClaims } from './types.ts'

const environment = {
  issuer: 'OAUTH_ISSUER',
  clientId: 'OAUTH_CLIENT_ID',
  clientSecret: 'OAUTH_CLIENT_SECRET',
  baseUrl: 'OAUTH_BASE_URL',
  secret: 'OAUTH_SECRET',
} as const

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

const text = (expectation: string) =>
  v.pipe(v.string(expectation), v.trim(), v.nonEmpty(expectation))
const seconds = (expectation: string) =>
  v.pipe(v.number(expectation), v.minValue(0, expectation), v.finite(expectation))
const flag = v.boolean('true or false')
const callable = <T>(expectation: string) =>
  v.custom<T>((value) => typeof value === 'function', expectation)

const texts = (expectation: string) => v.array(v.string(expectation), expectation)

const routeMessage = "a path such as '/login': a slash, then letters, digits, - . _ ~ /"
const route = v.pipe(
  v.string(routeMessage),
  // Browsers resolve dot segments and repeated slashes, so such a route would never be asked for.
  v.regex(/^(?:\/(?!\.{1,2}(?:\/|$))[\w\-.~]+)+\/?$/, routeMessage),
)

const absoluteUrl = (expectation: string) =>
  v.pipe(
    v.union([v.string(), v.instance(URL)], expectation),
    v.check((value) => URL.canParse(String(value)), expectation),
    v.transform((value) => new URL(value)),
    v.check((url) => url.protocol === 'https:' || url.protocol === 'http:', expectation),
    v.check(
      ({ protocol, username, password }) => !/^https?:/.test(protocol) || !(username || password),
      `${expectation}, without user and password`,
    ),
  )

const endpoint = absoluteUrl("an absolute URL such as 'https://idp.example.com/token'")
const secretMessage =
  'a random text of at least 32 characters, or a list of them, newest first; make one with: node -p "crypto.randomBytes(32).toString(\'base64url\')"'
const secret = v.pipe(v.string(secretMessage), v.minLength(32, secretMessage))
const returnToMessage = "a path such as '/goodbye', or an absolute URL"
const scopeMessage = "a text such as 'openid profile' or a list such as ['openid', 'profile']"
const scope = v.pipe(
  v.union([v.string(), texts(scopeMessage)], scopeMessage),
  v.transform((value) => (typeof value === 'string' ? value.split(/[\s,]+/) : value)),
  v.transform((list) => list.filter(Boolean)),
)

const server = v.strictObject(
  {
    issuer: v.optional(text("the server's issuer identifier, when it has one (RFC 9207)")),
    authorizationEndpoint: endpoint,
    tokenEndpoint: endpoint,
    userinfoEndpoint: v.optional(endpoint),
    revocationEndpoint: v.optional(endpoint),
    endSessionEndpoint: v.optional(endpoint),
    jwksUri: v.optional(endpoint),
  },
  'an object such as { authorizationEndpoint, tokenEndpoint }',
)

/** A pending login's answer to the app: what was found out about the person. */
export interface LoginDetails {
  /** Verified claims, userinfo merged in. */
  readonly user: UserClaims
  readonly scope: readonly string[]
  readonly provider: string
  /** For a look at the provider's own API about the person; do not keep it. */
  readonly accessToken: string
}

/** Return claims to keep instead of `details.user`; throw to refuse the login. */
export type OnLogin = (
  details: LoginDetails,
  req: IncomingMessage,
) => UserClaims | void | Promise<UserClaims | void>
export type OnLogout = (user: UserClaims, req: IncomingMessage) => void | Promise<void>
/** Answer the request, or return without answering to leave it to the next error handler. */
export type OnError = (
  error: OAuthError,
  req: IncomingMessage,
  res: ServerResponse,
) => void | Promise<void>
export type AuthorizationParams =
  | Readonly<Record<string, string>>
  | ((req: IncomingMessage) => Readonly<Record<string, string>>)

/** Every option; `docs/configuration.md` is held to it by a test. */
export const optionsSchema = v.strictObject({
  issuer: v.optional(absoluteUrl("an absolute URL such as 'https://idp.example.com'")),
  server: v.optional(server),
  clientId: text('the client identifier that the provider gave this app'),
  clientSecret: v.union(
    [
      text('the client secret, or a function that returns it'),
      callable<() => string | Promise<string>>('the client secret, or a function that returns it'),
    ],
    'the client secret, or a function that returns it',
  ),
  baseUrl: v.pipe(
    absoluteUrl("the public URL of this app such as 'https://app.example.com'"),
    v.check((url) => !url.search && !url.hash, 'a URL without query and fragment'),
  ),
  secret: v.pipe(
    v.union([secret, v.pipe(v.array(secret), v.nonEmpty(secretMessage))], secretMessage),
    v.transform((value): readonly string[] => (typeof value === 'string' ? [value] : value)),
  ),
  scope: v.optional(scope),
  tokenEndpointAuthMethod: v.optional(
    v.picklist(
      ['client_secret_basic', 'client_secret_post'],
      "'client_secret_basic' or 'client_secret_post'",
    ),
  ),
  idTokenSignedResponseAlg: v.optional(
    v.pipe(
      text("a JWS algorithm such as 'RS256'"),
      v.notValue('none', "a JWS algorithm such as 'RS256'; unsigned ID tokens are never accepted"),
    ),
  ),
  userinfoSignedResponseAlg: v.optional(
    v.pipe(
      text("a JWS algorithm such as 'RS256'"),
      v.notValue('none', "a JWS algorithm such as 'RS256'"),
    ),
  ),
  responseMode: v.optional(v.picklist(['query', 'form_post'], "'query' or 'form_post'"), 'query'),
  authorizationParams: v.optional(
    v.union(
      [
        v.record(v.string(), v.string('a text')),
        callable<(req: IncomingMessage) => Readonly<Record<string, string>>>('a function'),
      ],
      "an object of texts such as { audience: 'https://api.example.com' }, or a function of the request that returns one",
    ),
    {},
  ),
  maxAge: v.optional(seconds('a number of seconds')),
  acrValues: v.optional(scope),
  prompt: v.optional(text("a text such as 'login', 'consent' or 'select_account'")),
  userinfo: v.optional(v.union([v.literal('auto'), flag], "'auto', true or false"), 'auto'),
  routes: v.optional(
    v.strictObject(
      {
        login: v.optional(route, '/login'),
        callback: v.optional(route, '/callback'),
        logout: v.optional(route, '/logout'),
      },
      "an object of paths such as { login: '/login' }",
    ),
    {},
  ),
  loginParams: v.optional(
    v.array(
      v.picklist(
        ['login_hint', 'ui_locales', 'prompt'],
        "one of 'login_hint', 'ui_locales' and 'prompt'",
      ),
      "a list of 'login_hint', 'ui_locales' and 'prompt'",
    ),
    [],
  ),
  session: v.optional(
    v.union(
      [v.literal(false), v.looseObject({})],
      'options for express-session such as { store }, or false when the app always mounts its own',
    ),
    {},
  ),
  lifetime: v.optional(
    v.strictObject(
      {
        absolute: v.optional(seconds('a number of seconds'), 7 * 24 * 3600),
        idle: v.optional(seconds('a number of seconds'), 24 * 3600),
        countsAsActivity: v.optional(callable<(req: IncomingMessage) => boolean>('a function')),
      },
      'an object such as { absolute: 604800, idle: 86400 }',
    ),
    {},
  ),
  tokenStore: v.optional(
    v.custom<TokenStore>(
      (value) => typeof (value as Partial<TokenStore> | undefined)?.replace === 'function',
      'a token store such as memoryStore() or redisStore({ client })',
    ),
  ),
  cache: v.optional(
    v.strictObject(
      {
        maxEntries: v.optional(seconds('a number of token sets'), 1000),
        ttl: v.optional(seconds('a number of seconds'), 10),
      },
      'an object such as { maxEntries: 1000, ttl: 10 }',
    ),
    {},
  ),
  refresh: v.optional(
    v.union(
      [
        v.literal(false),
        v.strictObject({
          softWindow: v.optional(seconds('a number of seconds'), 60),
          lease: v.optional(seconds('a number of seconds'), 15),
        }),
      ],
      'false, or an object such as { softWindow: 60 }',
    ),
    {},
  ),
  logout: v.optional(
    v.strictObject(
      {
        provider: v.optional(flag, true),
        revoke: v.optional(flag, true),
        returnTo: v.optional(
          v.pipe(
            v.string(returnToMessage),
            v.regex(/^(?:\/(?![/\\])|https?:\/\/)\S*$/i, returnToMessage),
          ),
        ),
      },
      "an object such as { provider: false, returnTo: '/goodbye' }",
    ),
    {},
  ),
  clockTolerance: v.optional(seconds('a number of seconds'), 30),
  timeout: v.optional(
    v.pipe(
      v.number('a number of seconds above 0'),
      v.gtValue(0, 'a number of seconds above 0'),
      v.maxValue(300, 'at most 300 seconds'),
    ),
    8,
  ),
  fetch: v.optional(callable<typeof globalThis.fetch>('a function like the global fetch')),
  onLogin: v.optional(callable<OnLogin>('a function')),
  onLogout: v.optional(callable<OnLogout>('a function')),
  onError: v.optional(callable<OnError>('a function')),
  dangerouslyAllowInsecureIssuer: v.optional(flag, false),
})

/** What `oauth()` takes; `docs/configuration.md` describes every option. */
export type OAuthOptions = Partial<v.InferInput<typeof optionsSchema>>

/** The checked configuration with every default filled in. */
export type Config = Readonly<v.InferOutput<typeof optionsSchema>>

type Received = Record<string, unknown>

function fromEnvironment(options: Received): Received {
  const result = { ...options }
  for (const [option, variable] of Object.entries(environment)) {
    if (option === 'issuer' && result['server'] !== undefined) continue
    result[option] ??= process.env[variable] || undefined
  }
  return result
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

function describe(issue: v.BaseIssue<unknown>): string {
  // A union reports what its members found; the deepest finding names the real place.
  const inner = issue.issues?.find((one) => one.path)
  if (inner) return describe(nested(issue, inner))
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

function fail(problems: readonly string[]): never {
  const list =
    problems.length === 1 ? ` ${problems[0]}` : problems.map((p) => `\n  - ${p}`).join('')
  throw new OAuthError('ERR_CONFIG_INVALID', { detail: `oauth():${list}` })
}

function missingProvider({ issuer, server: endpoints }: Received): string[] {
  if (issuer !== undefined || endpoints !== undefined) return []
  return [
    "option 'issuer' (or the environment variable OAUTH_ISSUER) must be an absolute URL such as 'https://idp.example.com'; received nothing. A server without discovery takes 'server' instead",
  ]
}

/** Parameters of the authorization request that this package answers for. */
const ownParameters: Readonly<Record<string, string>> = {
  acr_values: "the option 'acrValues'",
  client_id: "the option 'clientId'",
  code_challenge: 'nothing: it is always sent',
  code_challenge_method: 'nothing: it is always S256',
  max_age: "the option 'maxAge'",
  nonce: 'nothing: it is always sent',
  redirect_uri: "the options 'baseUrl' and 'routes.callback'",
  response_mode: "the option 'responseMode'",
  response_type: 'nothing: it is always code',
  scope: "the option 'scope'",
  state: 'nothing: it is always sent',
}

function crossChecks(config: Config): string[] {
  const problems: string[] = []
  if (config.issuer && config.server) {
    problems.push(
      "options 'issuer' and 'server' exclude one another; keep 'issuer' if the provider has discovery",
    )
  }
  const plain = config.server && !(config.server.issuer && config.server.jwksUri)
  if (plain && !config.server?.userinfoEndpoint && !config.onLogin) {
    problems.push(
      "option 'server.userinfoEndpoint' must say where to ask who signed in; without one, 'onLogin' has to return claims with a 'sub'",
    )
  }
  const insecure = [config.issuer, ...Object.values(config.server ?? {})]
    .filter((url) => url instanceof URL)
    .find((url) => !isSecureOrLoopback(url))
  if (insecure && !config.dangerouslyAllowInsecureIssuer) {
    problems.push(
      `the provider at '${insecure.origin}' must be reached by https; plain http is for loopback only. In a closed test network write dangerouslyAllowInsecureIssuer: true`,
    )
  }
  if (config.responseMode === 'form_post' && !isSecureOrLoopback(config.baseUrl)) {
    problems.push(
      "option 'responseMode' must be 'query' when baseUrl is plain http: browsers send no cookie with a cross-site form over http",
    )
  }
  for (const name of Object.keys(config.authorizationParams)) {
    const instead = Object.hasOwn(ownParameters, name) && ownParameters[name]
    if (instead) problems.push(`option 'authorizationParams' cannot set '${name}'; use ${instead}`)
  }
  const paths = Object.values(config.routes)
  if (new Set(paths).size !== paths.length) {
    problems.push("option 'routes' must give every route a path of its own")
  }
  return problems
}

/** Not `session` and `tokenStore`, which hold objects of the app. */
const ownParts = ['secret', 'server', 'routes', 'lifetime', 'cache', 'refresh', 'logout'] as const

function frozen(config: Config): Config {
  for (const name of ownParts) Object.freeze(config[name])
  return Object.freeze(config)
}

/** Checks what the app wrote and what the environment adds, and fills in the defaults. */
export function readConfig(options: OAuthOptions): Config {
  const received = fromEnvironment(options)
  const result = v.safeParse(optionsSchema, received)
  const problems = [
    ...missingProvider(received),
    ...(result.success ? crossChecks(result.output) : result.issues.map(describe)),
  ]
  if (!result.success || problems.length > 0) fail([...new Set(problems)])
  return frozen(result.output)
}

/** Whether what helps a developer may be shown to whoever looks. */
export const isProduction = (): boolean => process.env['NODE_ENV'] === 'production'
