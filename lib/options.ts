import type { IncomingMessage, ServerResponse } from 'node:http'
import * as v from 'valibot'
import type { OAuthError } from './errors.ts'
import type { TokenStore } from './tokens/token-store.ts'
import type { UserClaims } from './types.ts'

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

type Input = v.InferInput<typeof optionsSchema>

/**
 * What `oauth()` takes; `docs/configuration.md` describes every option. `undefined` counts as left
 * out, so that variables of the environment can be handed on as they are.
 */
export type OAuthOptions = { readonly [Name in keyof Input]?: Input[Name] | undefined }

/** The checked configuration with every default filled in. */
export type Config = Readonly<v.InferOutput<typeof optionsSchema>>
