import * as v from 'valibot'
import { fromEnvironment } from './environment.ts'
import { OAuthError } from './errors.ts'
import { describeIssue } from './option-problems.ts'
import { optionsSchema, type Config, type OAuthOptions } from './options.ts'
import { isSecureOrLoopback } from './secure-url.ts'

function fail(problems: readonly string[]): never {
  const list =
    problems.length === 1 ? ` ${problems[0]}` : problems.map((p) => `\n  - ${p}`).join('')
  throw new OAuthError('ERR_CONFIG_INVALID', { detail: `oauth():${list}` })
}

function missingProvider({
  issuer,
  server: endpoints,
}: Readonly<Record<string, unknown>>): string[] {
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
    ...(result.success ? crossChecks(result.output) : result.issues.map(describeIssue)),
  ]
  if (!result.success || problems.length > 0) fail([...new Set(problems)])
  return frozen(result.output)
}
