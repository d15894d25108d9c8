import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import type { Refresher } from './context.ts'
import { forbidStoring } from './error-page.ts'
import { OAuthError } from './errors.ts'
import { emit, newFlow } from './events.ts'
import { digestOf, shapeOf } from './mask.ts'
import { reasonOf } from './provider-http.ts'
import { isSecureOrLoopback } from './secure-url.ts'
import type { LoginRecord } from './session-content.ts'
import {
  isValidAt,
  ownToken,
  tokenKey,
  type AccessToken,
  type TokenSet,
} from './tokens/token-set.ts'
import type { AccessTokenOptions, Auth, TokenRequest, UserClaims } from './types.ts'

type Fetch = typeof globalThis.fetch

/**
 * `req.auth`: what a handler may see and do; the refresh token is not among it. What it is made of
 * are fields of its own: an object literal per request would be one that V8 keeps, and the request
 * with it, until the next full garbage collection.
 */
class SignedIn implements Auth {
  readonly #login: LoginRecord
  readonly #refresher: Refresher
  readonly #fetch: Fetch | undefined
  readonly #res: ServerResponse | undefined
  readonly #outage: OAuthError | undefined
  #tokenSet: TokenSet | undefined

  constructor(
    login: LoginRecord,
    refresher: Refresher,
    fetch: Fetch | undefined,
    res: ServerResponse | undefined,
    tokenSet: TokenSet | undefined,
    outage: OAuthError | undefined,
  ) {
    this.#login = login
    this.#refresher = refresher
    this.#fetch = fetch
    this.#res = res
    this.#tokenSet = tokenSet
    this.#outage = outage
  }

  get #token(): AccessToken | undefined {
    const token = this.#tokenSet?.accessTokens[ownToken]
    return isValidAt(token, Date.now()) ? token : undefined
  }

  get user(): UserClaims {
    if (this.#res) keepPrivate(this.#res)
    return this.#login.user
  }

  get provider(): string {
    return this.#login.provider
  }

  get accessToken(): string | undefined {
    return this.#token?.value
  }

  get tokenType(): string | undefined {
    return this.#token?.type
  }

  get expiresAt(): number | undefined {
    return this.#token?.expiresAt
  }

  get scope(): readonly string[] {
    const own = this.#tokenSet?.accessTokens[ownToken]
    return own?.scope ?? []
  }

  get idToken(): string | undefined {
    return this.#tokenSet?.idToken
  }

  async getAccessToken(options: AccessTokenOptions = {}): Promise<string> {
    return (await this.#accessToken(options)).value
  }

  async #accessToken(options: AccessTokenOptions): Promise<AccessToken> {
    if (!this.#tokenSet) throw this.#outage ?? new OAuthError('ERR_LOGIN_EXPIRED')
    const { tokenSetId } = this.#login
    this.#tokenSet = await this.#refresher.fresh(tokenSetId, this.#tokenSet, options)
    const token = this.#tokenSet.accessTokens[tokenKey(options)]
    if (token) return token
    throw new OAuthError('ERR_LOGIN_EXPIRED', { detail: 'the login has no such access token' })
  }

  async fetch(url: string | URL, init: RequestInit & TokenRequest = {}): Promise<Response> {
    const { resource, scope, ...rest } = init
    const target = new URL(url)
    if (!isSecureOrLoopback(target)) {
      throw new OAuthError('ERR_FETCH_TARGET', {
        detail: `req.auth.fetch: '${target.origin}' is not https; an access token is sent in the clear to this machine only`,
      })
    }
    const request: TokenRequest = { ...(resource ? { resource } : {}), ...(scope ? { scope } : {}) }
    const flow = newFlow()
    const token = await this.#accessToken(request)
    const answer = await this.#send(target, rest, token, flow)
    if (answer.status !== 401 || !isReplayable(rest.body)) return answer
    return (await this.#again(target, rest, request, token, flow)) ?? answer
  }

  /** One more try after a 401, with a token that is not the refused one; `undefined` without any. */
  async #again(
    target: URL,
    init: RequestInit,
    request: TokenRequest,
    refused: AccessToken,
    flow: string,
  ): Promise<Response | undefined> {
    // Without another token the refusal stands; why there is none is in the refresh's own events.
    const token = await this.#accessToken({ ...request, force: true }).catch(() => undefined)
    if (!token || token.value === refused.value) return undefined
    emit('api.retried', flow, () => ({
      facts: { origin: target.origin, refused: shapeOf(refused.value) },
    }))
    return this.#send(target, init, token, flow)
  }

  async #send(target: URL, init: RequestInit, token: AccessToken, flow: string): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${token.value}`)
    const started = Date.now()
    const facts = { origin: target.origin, path: target.pathname, method: init.method ?? 'GET' }
    emit('api.requested', flow, () => ({
      facts: {
        ...facts,
        tokenSet: digestOf(this.#login.tokenSetId),
        parameters: [`authorization: Bearer ${shapeOf(token.value)}`],
      },
    }))
    try {
      const answer = await (this.#fetch ?? globalThis.fetch)(target, { ...init, headers })
      emit('api.completed', flow, () => ({
        duration: Date.now() - started,
        facts: { ...facts, status: answer.status },
      }))
      return answer
    } catch (error) {
      emit('api.failed', flow, () => {
        const fault = reasonOf(error)
        const duration = Date.now() - started
        return { duration, facts: { ...facts, fault, detail: `no answer: ${fault}` } }
      })
      throw error
    }
  }

  toJSON(): Record<string, unknown> {
    const { user, provider, scope, expiresAt } = this
    return { user, provider, scope, expiresAt, tokens: '[redacted]' }
  }

  [inspect.custom](): string {
    return `Auth ${inspect(this.toJSON())}`
  }
}

/** A stream can be read once; everything else can be sent again. */
const isReplayable = (body: RequestInit['body']): boolean =>
  !(body instanceof ReadableStream) &&
  !(typeof body === 'object' && body !== null && Symbol.asyncIterator in body)

/** A page about a person must not come back from a cache after the sign-out; the app may say otherwise. */
function keepPrivate(res: ServerResponse): void {
  if (!res.headersSent && !res.hasHeader('Cache-Control')) forbidStoring(res)
}

/** `tokenSet` is absent while the store is down; `res` where no answer depends on what is read. */
export const createAuth = (...source: ConstructorParameters<typeof SignedIn>): Auth =>
  new SignedIn(...source)
