import * as client from 'openid-client'
import { createClientSecret } from './client-secret.ts'
import { OAuthError } from './errors.ts'
import { emit } from './events.ts'
import {
  aboutThePerson,
  createIdTokenVerifier,
  requireOwnAzp,
  type IdTokenVerifier,
} from './id-token.ts'
import { lastGood } from './last-good.ts'
import { namesOf } from './mask.ts'
import type { Config } from './options.ts'
import { plainUserinfo } from './plain-userinfo.ts'
import {
  asUserinfoError,
  authorizationError,
  translateProviderError,
  withClock,
  type Step,
} from './provider-errors.ts'
import { protocolFetch } from './protocol-fetch.ts'
import { createProviderFetch } from './provider-http.ts'
import {
  checkIssuerParameter,
  chooseAuthMethod,
  idTokenAlgorithms,
  requireIssuer,
  requireSecureEndpoints,
  staticMetadata,
  usesHttp,
  type Metadata,
} from './provider-metadata.ts'
import { toGrant } from './token-response.ts'
import { scopeList, type Grant } from './tokens/token-set.ts'
import type { TokenRequest, UserClaims } from './types.ts'
import { warnOnce } from './warnings.ts'

const metadataMaxAge = 60 * 60_000
const metadataRetry = 60_000

/** What the callback has to match; all of it stood in the transaction. */
export interface CodeChecks {
  readonly state: string
  readonly nonce: string | undefined
  readonly codeVerifier: string
  readonly redirectUri: string
}

/** The answer to a code: tokens, and the claims of an ID token whose signature was verified. */
export interface CodeGrant extends Grant {
  readonly claims: UserClaims | undefined
}

/** The provider as this package speaks to it; no other file knows openid-client. */
export interface Provider {
  /** The issuer, or the host of a plain OAuth 2.0 server. */
  readonly name: string
  /** Whether it speaks OpenID Connect. */
  readonly openid: boolean
  /** Discovery now; rejects with the reason when it fails and has never succeeded. */
  ready(): Promise<void>
  /** What is asked for when the app does not say. */
  defaultScope(): Promise<readonly string[]>
  authorizationUrl(params: Record<string, string>): Promise<URL>
  /** The checks of RFC 9207 and the error response, before any code is spent. */
  checkAuthorizationResponse(params: URLSearchParams): Promise<void>
  exchangeCode(params: URLSearchParams, checks: CodeChecks): Promise<CodeGrant>
  verifySignature(idToken: string): Promise<void>
  refresh(refreshToken: string, request: TokenRequest): Promise<Grant>
  readonly hasUserinfo: () => Promise<boolean>
  userinfo(accessToken: string, subject: string | undefined): Promise<UserClaims>
  /** RFC 7009; resolves to `false` when the provider has no revocation endpoint. */
  revoke(refreshToken: string): Promise<boolean>
  /** OpenID Connect RP-Initiated Logout 1.0; `undefined` when the provider has none. */
  endSessionUrl(params: Record<string, string>): Promise<URL | undefined>
  /** For events: where an endpoint is and how we prove who we are there, once that is known. */
  about(endpoint: keyof Metadata): { endpoint?: string; clientAuthentication?: string }
}

interface Connection {
  readonly configuration: client.Configuration
  readonly metadata: Readonly<client.ServerMetadata>
  readonly keys: IdTokenVerifier
}

export function createProvider(config: Config): Provider {
  const { clientId, issuer, server, timeout } = config
  const openid = Boolean(issuer ?? (server?.issuer && server.jwksUri))
  // Milliseconds by which this machine's clock is ahead of the provider's.
  let skew = 0
  const http = createProviderFetch(config.fetch, timeout, ({ headers }) => {
    const date = Date.parse(headers.get('date') ?? '')
    skew = Number.isNaN(date) ? skew : Date.now() - date
    if (Math.abs(skew) > (config.clockTolerance + 1) * 1000) warnOnce('WARN_CLOCK_SKEW')
  })
  const secret = createClientSecret(config)

  // The library awaits the authentication, which its types do not say.
  // oxlint-disable-next-line typescript/no-misused-promises
  const authenticate: client.ClientAuth = async (as, metadata, body, headers) => {
    const method = chooseAuthMethod(config, as)
    const value = await secret.read()
    const apply =
      method === 'client_secret_basic'
        ? client.ClientSecretBasic(value)
        : client.ClientSecretPost(value)
    apply(as, metadata, body, headers)
  }

  const clientMetadata: Partial<client.ClientMetadata> = {
    [client.clockTolerance]: config.clockTolerance,
    ...(config.idTokenSignedResponseAlg
      ? { id_token_signed_response_alg: config.idTokenSignedResponseAlg }
      : {}),
    ...(config.userinfoSignedResponseAlg
      ? { userinfo_signed_response_alg: config.userinfoSignedResponseAlg }
      : {}),
  }

  const connect = (configuration: client.Configuration): Connection => {
    const metadata = configuration.serverMetadata()
    configuration.timeout = 0 // `http` has the deadline, which covers the body as well.
    // oxlint-disable-next-line typescript/no-deprecated -- the configuration has let this origin pass
    if (usesHttp(metadata)) client.allowInsecureRequests(configuration)
    const keys = createIdTokenVerifier({
      jwksUri: metadata.jwks_uri,
      fetch: http,
      algorithms: idTokenAlgorithms(config, metadata),
      clientSecret: secret.read,
    })
    const { userinfoSignedResponseAlg } = config
    const checkUserinfo = async (token: string) => {
      if (!userinfoSignedResponseAlg) return
      await keys.verifySignature(token, [userinfoSignedResponseAlg]).catch((error: unknown) => {
        throw asUserinfoError(error)
      })
    }
    configuration[client.customFetch] = protocolFetch(http, metadata, {
      plain: !openid,
      checkUserinfo,
    })
    return { configuration, metadata, keys }
  }

  const discover = async (url: URL): Promise<Connection> => {
    const started = Date.now()
    // Nobody waits for the renewal of metadata that is still good.
    const background = connection.peek() !== undefined
    emit('discovery.requested', 'discovery', () => ({ facts: { issuer: url.href, background } }))
    try {
      const found = await client.discovery(url, clientId, clientMetadata, authenticate, {
        [client.customFetch]: http as client.CustomFetch,
        timeout: 0,
        // oxlint-disable-next-line typescript/no-deprecated -- the configuration has let this origin pass
        ...(url.protocol === 'http:' ? { execute: [client.allowInsecureRequests] } : {}),
      })
      const metadata = found.serverMetadata()
      requireIssuer(url, metadata.issuer)
      requireSecureEndpoints(metadata, config)
      emit('discovery.completed', 'discovery', () => ({
        duration: Date.now() - started,
        facts: { issuer: url.href, background, metadata: namesOf(metadata) },
      }))
      return connect(found)
    } catch (error) {
      const failure = translateProviderError(error, 'discovery')
      emit('discovery.failed', 'discovery', () => ({
        duration: Date.now() - started,
        error: failure.code,
        facts: { issuer: url.href, background, detail: failure.detail },
      }))
      throw failure
    }
  }

  const connection = lastGood(
    async () =>
      server
        ? connect(
            new client.Configuration(
              staticMetadata(server),
              clientId,
              clientMetadata,
              authenticate,
            ),
          )
        : discover(issuer as URL),
    { maxAge: server ? Infinity : metadataMaxAge, retryAfter: metadataRetry },
  )

  /** Runs one call to the provider, with its errors in our words. */
  const call = async <T>(step: Step, run: (to: Connection) => Promise<T>): Promise<T> => {
    const to = await connection.get()
    try {
      return await run(to)
    } catch (error) {
      const failure = translateProviderError(error, step)
      if (failure.code === 'ERR_ID_TOKEN_INVALID') throw withClock(failure, skew)
      if (failure.code !== 'ERR_CLIENT_REJECTED') throw failure
      throw translateProviderError(error, step, await secret.refusal(to.metadata))
    }
  }

  return {
    get name() {
      if (server) return server.issuer ?? server.authorizationEndpoint.host
      return connection.peek()?.metadata.issuer ?? issuer?.href ?? ''
    },
    openid,
    async ready() {
      await connection.get()
    },
    async defaultScope() {
      if (!openid) return []
      const { metadata } = await connection.get()
      const offline = metadata.scopes_supported?.includes('offline_access')
        ? ['offline_access']
        : []
      return ['openid', 'profile', 'email', ...offline]
    },
    async authorizationUrl(params) {
      const url = await call('discovery', async ({ configuration }) =>
        client.buildAuthorizationUrl(configuration, params),
      )
      // Some servers read '+' in a query literally; '%20' means a space to all of them.
      url.search = url.search.replaceAll('+', '%20')
      return url
    },
    async checkAuthorizationResponse(params) {
      const { metadata } = await connection.get()
      checkIssuerParameter(params, metadata)
      const error = params.get('error')
      if (error) throw authorizationError(error, params.get('error_description') ?? undefined)
      if (!params.get('code')) {
        throw new OAuthError('ERR_CALLBACK_INVALID', { detail: 'callback: neither code nor error' })
      }
    },
    exchangeCode: (params, checks) =>
      call('code', async ({ configuration, keys }) => {
        const requestedAt = Date.now()
        const dropIssuer = server !== undefined && !server.issuer
        if (dropIssuer && params.has('iss')) warnOnce('WARN_ISSUER_UNCHECKED')
        const answer = await client.authorizationCodeGrant(
          configuration,
          callbackUrl(checks.redirectUri, params, dropIssuer),
          {
            expectedState: checks.state,
            pkceCodeVerifier: checks.codeVerifier,
            idTokenExpected: openid,
            ...(checks.nonce === undefined ? {} : { expectedNonce: checks.nonce }),
          },
        )
        // Tokens of a plain server are not looked into, even where an ID token is among them.
        if (openid && answer.id_token) await keys.verifySignature(answer.id_token)
        const claims = openid ? (answer.claims() as UserClaims | undefined) : undefined
        requireOwnAzp(claims, clientId)
        return { ...toGrant(answer, requestedAt), claims: claims && aboutThePerson(claims) }
      }),
    verifySignature: (idToken) => call('keys', ({ keys }) => keys.verifySignature(idToken)),
    refresh: (refreshToken, { resource, scope }) =>
      call('refresh', async ({ configuration }) => {
        const requestedAt = Date.now()
        const wanted = scopeList(scope)
        const answer = await client.refreshTokenGrant(configuration, refreshToken, {
          ...(resource ? { resource } : {}),
          ...(wanted.length > 0 ? { scope: wanted.join(' ') } : {}),
        })
        return toGrant(answer, requestedAt)
      }),
    async hasUserinfo() {
      return Boolean((await connection.get()).metadata.userinfo_endpoint)
    },
    userinfo: (accessToken, subject) =>
      call('userinfo', async ({ configuration, metadata }) => {
        if (openid) {
          // oxlint-disable-next-line typescript/no-deprecated -- without an ID token there is no sub to compare
          const expected = subject ?? client.skipSubjectCheck
          return client.fetchUserInfo(configuration, accessToken, expected)
        }
        return plainUserinfo(http, metadata.userinfo_endpoint ?? '', accessToken)
      }),
    revoke: (refreshToken) =>
      call('revocation', async ({ configuration, metadata }) => {
        if (!metadata.revocation_endpoint) return false
        await client.tokenRevocation(configuration, refreshToken, {
          token_type_hint: 'refresh_token',
        })
        return true
      }),
    endSessionUrl: (params) =>
      call('discovery', async ({ configuration, metadata }) =>
        metadata.end_session_endpoint
          ? client.buildEndSessionUrl(configuration, params)
          : undefined,
      ),
    about(endpoint) {
      const metadata = connection.peek()?.metadata
      const address = metadata?.[endpoint]
      if (!metadata || typeof address !== 'string') return {}
      return { endpoint: address, clientAuthentication: chooseAuthMethod(config, metadata) }
    },
  }
}

/** The registered redirect URI with what came back; never built from the request's Host. */
function callbackUrl(redirectUri: string, params: URLSearchParams, dropIssuer: boolean): URL {
  const url = new URL(redirectUri)
  const kept = new URLSearchParams(params)
  // Without a configured issuer there is nothing to compare `iss` with; `state` and PKCE remain.
  if (dropIssuer) kept.delete('iss')
  url.search = kept.toString()
  return url
}
