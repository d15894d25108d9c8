import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { Provider, type ClientMetadata, type Configuration } from 'oidc-provider'
import type { FaultTarget } from './faults.ts'
import { startFront, type Front } from './front.ts'
import type { Hold } from './hold.ts'
import { hideBehind } from './loopback-proxy.ts'
import { createAdapterFactory } from './provider-adapter.ts'
import { createSignInDesk, type SignInDesk } from './sign-in-desk.ts'

export interface RealProviderOptions {
  /** A fixed port; a free one when left out. */
  readonly port?: number
  /** `localhost` makes the provider another site than an app on 127.0.0.1. @default '127.0.0.1' */
  readonly host?: '127.0.0.1' | 'localhost'
  /** Base URLs of apps that may use the client; more with `registerApp()`. */
  readonly apps?: readonly string[]
  readonly client?: Partial<ClientMetadata>
  readonly clients?: readonly ClientMetadata[]
  /** Seconds. */
  readonly ttl?: { readonly [model: string]: number }
  /** Refresh tokens for every login, or only with `offline_access`. @default 'always' */
  readonly refreshTokens?: 'always' | 'offline_access'
  /** How people sign in: at once by redirects, or through a form page of the provider. @default 'redirect' */
  readonly interaction?: 'redirect' | 'page'
  readonly configuration?: Configuration
}

export interface RealProvider extends SignInDesk {
  readonly issuer: string
  readonly port: number
  readonly clientId: string
  readonly clientSecret: string
  readonly provider: Provider
  /** Requests, faults and secrets of everything that reaches the provider. */
  readonly front: Front
  /** Lets the client be used by an app at `baseUrl`: its callback and where it returns after logout. */
  readonly registerApp: (baseUrl: string) => void
  tokenRequests(grantType?: string): number
  /** Makes token requests wait until released. */
  holdTokens(target?: Partial<FaultTarget>, when?: 'before' | 'after'): Hold
  /** Whose valid access token this is. */
  readonly accountOf: (accessToken: string) => Promise<string | undefined>
  /** The provider cannot be reached until `start()`; what it knows stays. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

const names: Record<string, string> = { alice: 'Alice Archer', bob: 'Bob Baker' }

async function signingKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' }
}

/** oidc-provider on loopback: strict about redirect URIs, PKCE and the reuse of refresh tokens. */
export async function startProvider(options: RealProviderOptions = {}): Promise<RealProvider> {
  const clientId = 'photo-editor'
  const clientSecret = 'photo-editor-secret-of-40-characters-long'
  const apps = new Set<string>()
  // The issuer contains the port, so the front listens before the provider exists.
  const inner = await hideBehind((req, res) => desk.listener(req, res))
  const front = await startFront(inner.serve, options)
  const provider = new Provider(front.origin, {
    ...configurationOf(options, await signingKey()),
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [`${front.origin}/unused`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        ...options.client,
      },
      ...(options.clients ?? []),
    ],
  })
  const desk = createSignInDesk(provider, options.interaction ?? 'redirect')

  const allow = (suffixes: string[]) => (uri: string) =>
    [...apps].some((app) => suffixes.some((suffix) => app + suffix === uri))
  const isCallback = allow(['/callback'])
  const isReturn = allow(['', '/'])
  permit(provider, 'redirectUriAllowed', isCallback)
  permit(provider, 'postLogoutRedirectUriAllowed', isReturn)
  for (const app of options.apps ?? []) apps.add(app)

  return {
    issuer: front.origin,
    port: front.port,
    clientId,
    clientSecret,
    provider,
    front,
    signIn: desk.signIn,
    deny: desk.deny,
    registerApp: (baseUrl) => void apps.add(baseUrl),
    tokenRequests: (grantType) => front.count('/token', grantType),
    holdTokens: (target, when) => front.faults.hold({ path: '/token', ...target }, when),
    async accountOf(accessToken) {
      const found = await provider.AccessToken.find(accessToken)
      return found?.isValid ? found.accountId : undefined
    },
    stop: () => front.stop(),
    start: () => front.start(),
    async close() {
      await front.stop()
      inner.close()
    },
  }
}

/** Adds URIs that are known at run time to the ones that a client registered. */
function permit(
  provider: Provider,
  check: 'redirectUriAllowed' | 'postLogoutRedirectUriAllowed',
  isPermitted: (uri: string) => boolean,
): void {
  const { prototype } = provider.Client
  const registered = prototype[check]
  prototype[check] = function permitted(uri: string) {
    return isPermitted(uri) || registered.call(this, uri)
  }
}

function configurationOf(options: RealProviderOptions, key: JWK): Configuration {
  const always = options.refreshTokens !== 'offline_access'
  return {
    adapter: createAdapterFactory(),
    jwks: { keys: [key] },
    renderError: (ctx, { error }) => {
      ctx.body = `The provider says: ${error}`
    },
    cookies: { keys: ['first-cookie-key', 'second-cookie-key'] },
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access', 'profile', 'email', 'photos'],
    claims: { openid: ['sub', 'sid'], profile: ['name'], email: ['email'] },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: names[id] ?? id, email: `${id}@people.example` }),
    }),
    interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
    rotateRefreshToken: true,
    ...(always && {
      issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    }),
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
      ...options.ttl,
    },
    // The default refuses loopback addresses, where the apps of the tests listen.
    fetch: (url: string | URL | Request, init?: RequestInit) => fetch(url, init),
    ...options.configuration,
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      rpInitiatedLogout: { enabled: true, logoutSource: submitLogoutAtOnce },
      ...options.configuration?.features,
    },
  }
}

function submitLogoutAtOnce(ctx: { body: unknown }, form: string): void {
  const confirmed = form.replace(
    '</form>',
    '<input type="hidden" name="logout" value="yes"/></form>',
  )
  ctx.body = `<!doctype html><body onload="document.forms[0].submit()">${confirmed}</body>`
}
