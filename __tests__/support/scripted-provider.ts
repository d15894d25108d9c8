import { randomBytes } from 'node:crypto'
import escapeHtml from 'escape-html'
import type { JWK } from 'jose'
import type { Answer } from './faults.ts'
import { startFront, type Ask, type Front } from './front.ts'
import { createSigningKey, signToken, type SigningKey, type TokenDraft } from './provider-keys.ts'
import {
  authorizationComplaints,
  bearerComplaints,
  clientComplaints,
  redemptionComplaints,
  type RegisteredClient,
} from './provider-rules.ts'

type Fields = Readonly<Record<string, unknown>>
type Parameters = Readonly<Record<string, string>>
type Change<T, Rest extends unknown[] = []> = (value: T, ...rest: Rest) => T | Promise<T>

/** What a scenario changes of answers that would otherwise be right. */
export interface Scenario {
  readonly discovery?: Change<Fields>
  readonly jwks?: Change<readonly JWK[]>
  /** The parameters that go back to the redirect URI. */
  readonly authorization?: Change<Parameters, [asked: URLSearchParams]>
  readonly idToken?: Change<TokenDraft, [grantType: string]>
  readonly tokens?: Change<Fields, [grantType: string]>
  readonly userinfo?: Change<Fields>
  /** Userinfo as a signed JWT in place of plain claims. */
  readonly signedUserinfo?: Change<TokenDraft>
  /** The parameters that go back to the post-logout redirect URI. */
  readonly endSession?: Change<Parameters>
}

export interface ScriptedProviderOptions {
  readonly clientSecret?: string
  readonly authMethod?: RegisteredClient['authMethod']
  readonly responseMode?: RegisteredClient['responseMode']
  /** Token responses carry a refresh token, which changes with every use. @default false */
  readonly refresh?: boolean
  /** Any request but for keys after a successful userinfo request is a violation. @default false */
  readonly endsWithUserinfo?: boolean
  readonly scenario?: Scenario
}

export interface ScriptedProvider {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** What an app has to know of it, as options. */
  readonly registration: Pick<ScriptedProvider, 'issuer' | 'clientId' | 'clientSecret'>
  readonly front: Front
  /** What the client did that a provider must not accept; tests expect none. */
  readonly violations: readonly string[]
  /** The authorization and end-session requests that came. */
  readonly authorizations: readonly URLSearchParams[]
  readonly logouts: readonly URLSearchParams[]
  readonly keys: readonly SigningKey[]
  readonly registerApp: (baseUrl: string) => void
  /** Replaces the scenario. */
  script(scenario: Scenario): void
  /** From now on other keys sign and are published. */
  rotateKeys(alg?: string): Promise<SigningKey>
  readonly accountOf: (accessToken: string) => Promise<string | undefined>
  close(): Promise<void>
}

const account = 'alice'
const random = (): string => randomBytes(24).toString('base64url')
const seconds = (): number => Math.floor(Date.now() / 1000)

const json = (body: unknown, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: JSON.stringify(body),
})

const jwt = (body: string): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/jwt', 'cache-control': 'no-store' },
  body,
})

function withParameters(uri: string, parameters: Parameters): string {
  const url = new URL(uri)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.append(name, value)
  return url.href
}

function selfPostingPage(action: string, parameters: Parameters): Answer {
  const inputs = Object.entries(parameters).map(
    ([name, value]) =>
      `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  )
  return {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: `<!doctype html><body onload="document.forms[0].submit()">
<form method="post" action="${escapeHtml(action)}">${inputs.join('')}</form></body>`,
  }
}

/** A provider that approves everything at once and whose every answer a scenario can change. */
export async function startScriptedProvider(
  options: ScriptedProviderOptions = {},
): Promise<ScriptedProvider> {
  const redirectUris = new Set<string>()
  const returnUris = new Set<string>()
  const client: RegisteredClient = {
    id: 'photo-editor',
    secret: options.clientSecret ?? 'the secret: of/the+photo%editor & more',
    authMethod: options.authMethod ?? 'client_secret_basic',
    responseMode: options.responseMode ?? 'query',
    redirectUris,
  }
  let scenario = options.scenario ?? {}
  let keys = [await createSigningKey()]
  const violations: string[] = []
  const authorizations: URLSearchParams[] = []
  const logouts: URLSearchParams[] = []
  const codes = new Map<string, URLSearchParams>()
  const refreshTokens = new Set<string>()
  const accessTokens = new Set<string>()
  const idTokens = new Set<string>()
  const usedVerifiers = new Set<string>()
  let finished = false

  const routes: Record<string, (ask: Ask) => Promise<Answer>> = {
    '/.well-known/openid-configuration': async () => json(await discoveryDocument()),
    '/jwks': async () => {
      const published = keys.map(({ publicJwk }) => publicJwk)
      return json({ keys: (await scenario.jwks?.(published)) ?? published })
    },
    '/authorize': authorize,
    '/token': token,
    '/userinfo': userinfo,
    '/logout': endSession,
  }

  async function serve(ask: Ask): Promise<Answer> {
    const { pathname } = ask.url
    const isJwks = pathname.startsWith('/jwks')
    if (finished && !isJwks) violations.push(`${pathname}: asked after the end`)
    const route = routes[isJwks ? '/jwks' : pathname]
    return route ? route(ask) : json({ error: 'not_found' }, 404)
  }

  const front = await startFront(serve)
  const issuer = front.origin

  async function discoveryDocument(): Promise<Fields> {
    const document = {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      userinfo_endpoint: `${issuer}/userinfo`,
      end_session_endpoint: `${issuer}/logout`,
      response_types_supported: ['code'],
      response_modes_supported: ['query', 'form_post'],
      grant_types_supported: ['authorization_code', ...(options.refresh ? ['refresh_token'] : [])],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: [client.authMethod],
      scopes_supported: ['openid', 'profile', 'email'],
    }
    return (await scenario.discovery?.(document)) ?? document
  }

  async function authorize({ method, url, form }: Ask): Promise<Answer> {
    const asked = method === 'POST' ? form : url.searchParams
    authorizations.push(asked)
    violations.push(...authorizationComplaints(asked, client))
    const redirectUri = asked.get('redirect_uri') ?? ''
    const code = random()
    codes.set(code, asked)
    const draft = { code, state: asked.get('state') ?? '' }
    const parameters = (await scenario.authorization?.(draft, asked)) ?? draft
    if (client.responseMode === 'form_post') return selfPostingPage(redirectUri, parameters)
    return { status: 302, headers: { location: withParameters(redirectUri, parameters) } }
  }

  async function token(ask: Ask): Promise<Answer> {
    const { form } = ask
    const grantType = form.get('grant_type') ?? ''
    const complaints = clientComplaints(ask, client)
    if (complaints.length > 0) return refuse('invalid_client', complaints)
    if (grantType === 'refresh_token') return refresh(form)
    const code = form.get('code') ?? ''
    const asked = codes.get(code)
    codes.delete(code)
    const objections = redemptionComplaints(form, asked, usedVerifiers)
    if (objections.length > 0) return refuse('invalid_grant', objections)
    return issue(grantType, asked?.get('scope') ?? '', asked?.get('nonce') ?? undefined)
  }

  function refuse(error: string, complaints: readonly string[]): Answer {
    violations.push(...complaints)
    return json({ error }, 400)
  }

  async function refresh(form: URLSearchParams): Promise<Answer> {
    if (!refreshTokens.delete(form.get('refresh_token') ?? '')) {
      return refuse('invalid_grant', ['token: unknown or used refresh token'])
    }
    return issue('refresh_token', 'openid', undefined)
  }

  async function issue(
    grantType: string,
    scope: string,
    nonce: string | undefined,
  ): Promise<Answer> {
    const accessToken = random()
    accessTokens.add(accessToken)
    const refreshToken = options.refresh ? random() : undefined
    if (refreshToken) refreshTokens.add(refreshToken)
    const idToken = await idTokenFor(grantType, nonce)
    idTokens.add(idToken)
    const body = {
      access_token: accessToken,
      token_type: 'Bearer',
      id_token: idToken,
      scope,
      ...(refreshToken && { refresh_token: refreshToken }),
    }
    return json((await scenario.tokens?.(body, grantType)) ?? body)
  }

  async function idTokenFor(grantType: string, nonce: string | undefined): Promise<string> {
    const claims = {
      iss: issuer,
      sub: account,
      aud: client.id,
      iat: seconds(),
      exp: seconds() + 300,
      ...(nonce !== undefined && { nonce }),
    }
    const draft = draftFor(claims)
    return signToken((await scenario.idToken?.(draft, grantType)) ?? draft)
  }

  function draftFor(claims: Fields): TokenDraft {
    const [key] = keys
    if (!key) throw new Error('the scripted provider has no key')
    return { header: { alg: key.alg, kid: key.kid }, claims, key: key.privateKey }
  }

  async function userinfo(ask: Ask): Promise<Answer> {
    violations.push(...bearerComplaints(ask))
    const bearer = /^Bearer (.+)$/i.exec(ask.headers.authorization ?? '')?.[1] ?? ''
    if (!accessTokens.has(bearer)) {
      violations.push('userinfo: unknown access token')
      return { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }
    }
    finished = options.endsWithUserinfo ?? false
    const claims = { sub: account, name: 'Alice Archer', email: 'alice@people.example' }
    if (scenario.signedUserinfo) {
      const draft = draftFor({ iss: issuer, aud: client.id, ...claims })
      return jwt(await signToken(await scenario.signedUserinfo(draft)))
    }
    return json((await scenario.userinfo?.(claims)) ?? claims)
  }

  async function endSession({ method, url, form }: Ask): Promise<Answer> {
    const asked = method === 'POST' ? form : url.searchParams
    logouts.push(asked)
    const returnUri = asked.get('post_logout_redirect_uri') ?? ''
    if (!idTokens.has(asked.get('id_token_hint') ?? '')) violations.push('logout: wrong hint')
    if (!returnUris.has(returnUri)) violations.push('logout: wrong post_logout_redirect_uri')
    if (!asked.get('state')) violations.push('logout: no state')
    const draft = { state: asked.get('state') ?? '' }
    const parameters = (await scenario.endSession?.(draft)) ?? draft
    return { status: 302, headers: { location: withParameters(returnUri, parameters) } }
  }

  return {
    issuer,
    clientId: client.id,
    clientSecret: client.secret,
    registration: { issuer, clientId: client.id, clientSecret: client.secret },
    front,
    violations,
    authorizations,
    logouts,
    get keys() {
      return keys
    },
    registerApp(baseUrl) {
      redirectUris.add(`${baseUrl}/callback`)
      returnUris.add(`${baseUrl}/`)
    },
    script(next) {
      scenario = next
    },
    async rotateKeys(alg) {
      const key = await createSigningKey(alg)
      keys = [key]
      return key
    },
    accountOf: (accessToken) =>
      Promise.resolve(accessTokens.has(accessToken) ? account : undefined),
    close: () => front.stop(),
  }
}
