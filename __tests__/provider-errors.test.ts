import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { readConfig } from '../lib/config.ts'
import type { OAuthOptions } from '../lib/options.ts'
import { isOAuthError, OAuthError, type ErrorCode } from '../lib/errors.ts'
import { authorizationError, translateProviderError } from '../lib/provider-errors.ts'
import { ProviderHttpError } from '../lib/provider-http.ts'
import { createProvider, type Provider } from '../lib/provider.ts'
import { closeAfterEach } from './support/cleanups.ts'

const closing = closeAfterEach()

const secrets = {
  clientSecret: 'hush-client-secret',
  code: 'hush-code',
  codeVerifier: 'hush-code-verifier-of-at-least-43-characters-in-all',
  refreshToken: 'hush-refresh-token',
  accessToken: 'hush-access-token',
}

/** A server on loopback whose answers the test writes. */
async function startServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  closing({
    close() {
      server.close()
      server.closeAllConnections()
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const configFor = (options: OAuthOptions) =>
  readConfig({
    clientId: 'photo-editor',
    clientSecret: secrets.clientSecret,
    baseUrl: 'https://app.example.com',
    secret: 'the-sealing-secret-of-at-least-32-characters',
    ...options,
  })

/** A plain OAuth 2.0 server without discovery, or one that speaks OpenID Connect. */
const providerAt = (
  origin: string,
  { openid = false, ...options }: OAuthOptions & { openid?: boolean } = {},
) =>
  createProvider(
    configFor({
      server: {
        ...(openid ? { issuer: origin, jwksUri: `${origin}/jwks` } : {}),
        authorizationEndpoint: `${origin}/authorize`,
        tokenEndpoint: `${origin}/token`,
        userinfoEndpoint: `${origin}/userinfo`,
        revocationEndpoint: `${origin}/revoke`,
      },
      ...options,
    }),
  )

const refresh = (provider: Provider) => provider.refresh(secrets.refreshToken, {})
const redeem = (provider: Provider) =>
  provider.exchangeCode(new URLSearchParams({ code: secrets.code, state: 'the-state' }), {
    state: 'the-state',
    nonce: undefined,
    codeVerifier: secrets.codeVerifier,
    redirectUri: 'https://app.example.com/callback',
  })

async function failureOf(work: Promise<unknown>): Promise<OAuthError> {
  const error: unknown = await work.then(
    (value) => new Error(`succeeded with ${inspect(value)}`),
    (reason: unknown) => reason,
  )
  if (isOAuthError(error)) return error
  throw error
}

/** Nothing that a log, an error tracker or a page could print has a secret in it. */
function printedAll(error: OAuthError): string {
  return `${inspect(error, { depth: 30, showHidden: true })}${JSON.stringify(error)}${error.stack}`
}

type Headers = Readonly<Record<string, string>>
const answerWith =
  (status: number, body: unknown, headers: Headers = {}) =>
  (res: ServerResponse) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
  }

const html = { 'content-type': 'text/html' }
const challenge = { 'www-authenticate': 'Basic realm="idp"' }
const tokens = { access_token: secrets.accessToken, token_type: 'Bearer' }
const both = (code: ErrorCode) => [code, code] as const

describe('a refused or failed token request', () => {
  const matrix: readonly [string, (res: ServerResponse) => unknown, ErrorCode, ErrorCode][] = [
    [
      '400 invalid_grant',
      answerWith(400, { error: 'invalid_grant' }),
      'ERR_LOGIN_EXPIRED',
      'ERR_CODE_REJECTED',
    ],
    [
      '400 invalid_grant behind a challenge',
      answerWith(400, { error: 'invalid_grant' }, challenge),
      'ERR_LOGIN_EXPIRED',
      'ERR_CODE_REJECTED',
    ],
    [
      '200 invalid_grant',
      answerWith(200, { error: 'invalid_grant' }),
      'ERR_LOGIN_EXPIRED',
      'ERR_CODE_REJECTED',
    ],
    [
      '200 invalid_grant, form-encoded',
      answerWith(200, 'error=invalid_grant&error_description=x', {
        'content-type': 'application/x-www-form-urlencoded',
      }),
      'ERR_LOGIN_EXPIRED',
      'ERR_CODE_REJECTED',
    ],
    [
      '200 bad_refresh_token',
      answerWith(200, { error: 'bad_refresh_token' }),
      'ERR_LOGIN_EXPIRED',
      'ERR_CODE_REJECTED',
    ],
    [
      '200 incorrect_client_credentials',
      answerWith(200, { error: 'incorrect_client_credentials' }),
      ...both('ERR_CLIENT_REJECTED'),
    ],
    [
      '429 invalid_grant',
      answerWith(429, { error: 'invalid_grant' }),
      ...both('ERR_PROVIDER_UNAVAILABLE'),
    ],
    [
      '500 invalid_grant',
      answerWith(500, { error: 'invalid_grant' }),
      ...both('ERR_PROVIDER_FAILED'),
    ],
    [
      '401 invalid_client behind a challenge',
      answerWith(401, { error: 'invalid_client' }, challenge),
      ...both('ERR_CLIENT_REJECTED'),
    ],
    [
      '400 invalid_client',
      answerWith(400, { error: 'invalid_client' }),
      ...both('ERR_CLIENT_REJECTED'),
    ],
    [
      '400 invalid_request',
      answerWith(400, { error: 'invalid_request' }),
      ...both('ERR_CLIENT_REJECTED'),
    ],
    [
      '400 unauthorized_client',
      answerWith(400, { error: 'unauthorized_client' }),
      ...both('ERR_CLIENT_REJECTED'),
    ],
    [
      '400 unsupported_grant_type',
      answerWith(400, { error: 'unsupported_grant_type' }),
      ...both('ERR_CLIENT_REJECTED'),
    ],
    [
      '400 invalid_scope',
      answerWith(400, { error: 'invalid_scope' }),
      'ERR_TOKEN_REFUSED',
      'ERR_CLIENT_REJECTED',
    ],
    [
      '400 invalid_target',
      answerWith(400, { error: 'invalid_target' }),
      'ERR_TOKEN_REFUSED',
      'ERR_CLIENT_REJECTED',
    ],
    [
      '400 server_error',
      answerWith(400, { error: 'server_error' }),
      ...both('ERR_PROVIDER_UNAVAILABLE'),
    ],
    [
      '400 temporarily_unavailable',
      answerWith(400, { error: 'temporarily_unavailable' }),
      ...both('ERR_PROVIDER_UNAVAILABLE'),
    ],
    ['429 slow_down', answerWith(429, { error: 'slow_down' }), ...both('ERR_PROVIDER_UNAVAILABLE')],
    ['429 and a page', answerWith(429, '<h1>Slow</h1>', html), ...both('ERR_PROVIDER_UNAVAILABLE')],
    [
      'an error nobody knows',
      answerWith(400, { error: 'x' }),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    [
      'an error that is no text',
      answerWith(400, { error: 5 }),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    [
      '400 and a page',
      answerWith(400, '<h1>No</h1>', html),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    [
      '403 and a page',
      answerWith(403, '<h1>No</h1>', html),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    [
      '401 and a challenge only',
      answerWith(401, '', challenge),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    ['404', answerWith(404, ''), ...both('ERR_PROVIDER_RESPONSE_INVALID')],
    ['302', answerWith(302, '', { location: '/x' }), ...both('ERR_PROVIDER_RESPONSE_INVALID')],
    [
      '200 and a page',
      answerWith(200, '<h1>Hi</h1>', html),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    ['200 and nothing', answerWith(200, ''), ...both('ERR_PROVIDER_RESPONSE_INVALID')],
    ['200 and a list', answerWith(200, [tokens]), ...both('ERR_PROVIDER_RESPONSE_INVALID')],
    ['200 without tokens', answerWith(200, {}), ...both('ERR_PROVIDER_RESPONSE_INVALID')],
    [
      '200 with a kind of token that we cannot use',
      answerWith(200, { ...tokens, token_type: 'mac' }),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    [
      '200 with a lifetime below nothing',
      answerWith(200, { ...tokens, expires_in: -1 }),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    [
      '200 with a refresh token that is no text',
      answerWith(200, { ...tokens, refresh_token: 5 }),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    [
      '200 and more than can be right',
      answerWith(200, { ...tokens, padding: 'x'.repeat(1024 * 1024) }),
      ...both('ERR_PROVIDER_RESPONSE_INVALID'),
    ],
    ['500', answerWith(500, 'oops', html), ...both('ERR_PROVIDER_FAILED')],
    ['503', answerWith(503, 'busy', html), ...both('ERR_PROVIDER_FAILED')],
    [
      'a connection that is cut',
      (res) => res.socket?.destroy(),
      ...both('ERR_PROVIDER_UNAVAILABLE'),
    ],
    [
      'a connection that is cut within the body',
      (res) =>
        res.writeHead(200, { 'content-length': '99' }).write('{', () => res.socket?.destroy()),
      ...both('ERR_PROVIDER_UNAVAILABLE'),
    ],
  ]

  it.each(matrix)('with %s', async (_title, answer, ofRefresh, ofCode) => {
    const origin = await startServer((req, res) => {
      req.resume()
      answer(res)
    })
    const provider = providerAt(origin)
    const failures = [await failureOf(refresh(provider)), await failureOf(redeem(provider))]
    expect(failures.map(({ code }) => code)).toEqual([ofRefresh, ofCode])
    for (const failure of failures) {
      expect(failure.detail).toMatch(/^(refresh|code): /)
      expect(failure.cause).toBeUndefined()
      expect(printedAll(failure)).not.toContain('hush')
    }
  })

  it.each<[string, (res: ServerResponse) => unknown]>([
    ['before the headers', () => {}],
    ['within the body', (res) => res.writeHead(200, { 'content-length': '99' }).write('{')],
  ])('that stalls %s', async (_title, answer) => {
    const origin = await startServer((_req, res) => void answer(res))
    const provider = providerAt(origin, { timeout: 0.3 })
    for (const work of [refresh, redeem]) {
      const failure = await failureOf(work(provider))
      expect(failure).toMatchObject({ code: 'ERR_PROVIDER_TIMEOUT', status: 504, retryAfter: 5 })
      expect(failure.detail).toContain(`${origin}/token: no answer within 0.3 s`)
    }
  })

  it('to which nobody listens', async () => {
    const provider = providerAt('http://127.0.0.1:1')
    const failure = await failureOf(refresh(provider))
    expect(failure).toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE', status: 503, retryAfter: 5 })
    expect(failure.detail).toMatch(/^refresh: http:\/\/127\.0\.0\.1:1\/token: /)
  })

  it.each([
    [answerWith(503, 'busy', { 'retry-after': '17' }), 17],
    [answerWith(429, { error: 'slow_down' }, { 'retry-after': '18' }), 18],
    [answerWith(429, 'busy', { ...html, 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }), 5],
    [answerWith(503, 'busy'), 5],
  ])('repeats what it was told about trying again (%#)', async (answer, retryAfter) => {
    const provider = providerAt(await startServer((_req, res) => answer(res)))
    expect(await failureOf(refresh(provider))).toMatchObject({ retryAfter })
  })

  it('tells the operator how the client proved who it is, and what may be wrong with that', async () => {
    const answer = answerWith(401, { error: 'invalid_client', error_description: 'bad client' })
    const origin = await startServer((_req, res) => answer(res))
    const spaced = await failureOf(refresh(providerAt(origin, { clientSecret: () => ' hush ' })))
    expect(spaced).toMatchObject({ status: 500, oauthError: 'invalid_client' })
    expect(spaced.detail).toBe(
      'refresh: the provider answered 401 invalid_client (bad client); client authentication used: client_secret_post, offered by the provider: not stated; the secret begins or ends with white space',
    )
    const clientSecret = '7f1b2c3d-0000-4000-8000-00000000beef'
    const identifier = await failureOf(
      refresh(providerAt(origin, { clientSecret, tokenEndpointAuthMethod: 'client_secret_basic' })),
    )
    expect(identifier.detail).toContain('client authentication used: client_secret_basic')
    expect(identifier.detail).toContain('the secret looks like an identifier')
    expect(printedAll(identifier)).not.toContain(clientSecret)
  })

  it('keeps what the provider wrote to one short printable line', async () => {
    const hostile = `line\r\nSet-Cookie: a=b\u001b[31m\u202e${'x'.repeat(5000)}`
    const answer = answerWith(400, { error: 'invalid_grant', error_description: hostile })
    const provider = providerAt(await startServer((_req, res) => answer(res)))
    const { detail = '' } = await failureOf(refresh(provider))
    expect(detail).toMatch(/^[ -~]*$/)
    expect(detail.length).toBeLessThan(300)
  })

  it("is the app's own failure where its function for the client secret fails", async () => {
    const cause = new Error('the vault is sealed')
    const provider = providerAt(await startServer((_req, res) => answerWith(200, tokens)(res)), {
      clientSecret: () => Promise.reject(cause),
    })
    const failure = await failureOf(refresh(provider))
    expect(failure).toMatchObject({ code: 'ERR_CONFIG_INVALID', status: 500, cause })
    expect(failure.detail).toContain("option 'clientSecret'")
  })

  it.each<[string, () => unknown]>([
    ['says nothing', () => new Promise(() => {})],
    ['gives no text', async () => undefined],
    ['gives an empty text', () => ''],
  ])(
    "is the app's own failure where its function for the client secret %s",
    async (_how, secret) => {
      const provider = providerAt(await startServer((_req, res) => answerWith(200, tokens)(res)), {
        clientSecret: secret as () => string,
        timeout: 0.2,
      })
      const failure = await failureOf(refresh(provider))
      expect(failure).toMatchObject({ code: 'ERR_CONFIG_INVALID', status: 500 })
    },
  )
})

describe('a token answer that strays from the standard', () => {
  const grantOf = async (answer: (res: ServerResponse) => unknown) =>
    refresh(providerAt(await startServer((_req, res) => void answer(res))))
  const expected = { accessToken: secrets.accessToken, tokenType: 'bearer' }

  it.each([
    ['null members', { ...tokens, refresh_token: null, id_token: null, scope: null }],
    ['empty members', { ...tokens, refresh_token: '', scope: '', error: '' }],
    ['no token type', { access_token: secrets.accessToken }],
    ['an unusual spelling of the token type', { ...tokens, token_type: 'BEARER' }],
  ])('with %s is read', async (_title, members) => {
    const grant = await grantOf(answerWith(200, members))
    expect(grant).toEqual({ ...expected, requestedAt: expect.any(Number) })
  })

  it.each([
    ['a number', 60, 60],
    ['a text', '60', 60],
    ['nothing left', 0, 0],
  ])('says its lifetime as %s', async (_title, told, expiresIn) => {
    expect(await grantOf(answerWith(200, { ...tokens, expires_in: told }))).toMatchObject({
      expiresIn,
    })
  })

  it.each([
    ['refresh_expires_in', 1800],
    ['refresh_token_expires_in', '1800'],
  ])('may tell the life of the refresh token as %s', async (name, told) => {
    expect(await grantOf(answerWith(200, { ...tokens, [name]: told }))).toMatchObject({
      refreshExpiresIn: 1800,
    })
  })

  it.each(['text/plain', 'text/html', 'application/json; charset=utf-8'])(
    'that calls itself %s is read',
    async (type) => {
      expect(await grantOf(answerWith(200, tokens, { 'content-type': type }))).toMatchObject(
        expected,
      )
    },
  )

  it('that is form-encoded is read, with its scope', async () => {
    const body = `access_token=${secrets.accessToken}&scope=repo%2Cgist&token_type=bearer`
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(await grantOf(answerWith(200, body, type))).toMatchObject({
      ...expected,
      scope: ['repo', 'gist'],
    })
  })

  it('without a token type is refused of a server that speaks OpenID Connect', async () => {
    const answer = answerWith(200, { access_token: secrets.accessToken })
    const provider = providerAt(await startServer((_req, res) => answer(res)), { openid: true })
    expect(await failureOf(refresh(provider))).toMatchObject({
      code: 'ERR_PROVIDER_RESPONSE_INVALID',
    })
  })
})

describe('discovery', () => {
  const metadata = (origin: string) => ({
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    jwks_uri: `${origin}/jwks`,
  })
  const discovering = async (answer: (res: ServerResponse, origin: string) => unknown) => {
    const origin = await startServer((_req, res) => void answer(res, origin))
    return { origin, provider: createProvider(configFor({ issuer: origin, timeout: 1 })) }
  }

  it.each<[string, (res: ServerResponse, origin: string) => unknown, ErrorCode, RegExp]>([
    ['404', answerWith(404, ''), 'ERR_PROVIDER_RESPONSE_INVALID', /404; .*option 'issuer'/],
    ['302', answerWith(302, '', { location: '/x' }), 'ERR_PROVIDER_RESPONSE_INVALID', /302/],
    ['a page', answerWith(200, '<h1>Hi</h1>', html), 'ERR_PROVIDER_RESPONSE_INVALID', /'issuer'/],
    ['500', answerWith(500, ''), 'ERR_PROVIDER_UNAVAILABLE', /500/],
    ['503', answerWith(503, ''), 'ERR_PROVIDER_UNAVAILABLE', /503/],
    [
      'a broken connection',
      (res) => res.socket?.destroy(),
      'ERR_PROVIDER_UNAVAILABLE',
      /discovery/,
    ],
    ['silence', () => {}, 'ERR_PROVIDER_TIMEOUT', /within 1 s/],
    [
      'another issuer',
      (res, origin) => answerWith(200, { ...metadata(origin), issuer: `${origin}/realm` })(res),
      'ERR_ISSUER_MISMATCH',
      /option 'issuer' is 'http:\/\/127.*calls itself 'http:\/\/127.*\/realm'/,
    ],
    [
      'an issuer that is no URL',
      (res, origin) => answerWith(200, { ...metadata(origin), issuer: 'idp' })(res),
      'ERR_ISSUER_MISMATCH',
      /not a URL/,
    ],
    [
      'an endpoint by plain http beyond this machine',
      (res, origin) =>
        answerWith(200, { ...metadata(origin), token_endpoint: 'http://evil.example/token' })(res),
      'ERR_PROVIDER_RESPONSE_INVALID',
      /token_endpoint is 'http:\/\/evil\.example\/token'/,
    ],
    [
      'a set of keys at an address that is none',
      (res, origin) => answerWith(200, { ...metadata(origin), jwks_uri: 'keys' })(res),
      'ERR_PROVIDER_RESPONSE_INVALID',
      /jwks_uri/,
    ],
  ])('that ends with %s says so', async (_title, answer, code, detail) => {
    const { provider } = await discovering(answer)
    const failure = await failureOf(provider.ready())
    expect(failure.code).toBe(code)
    expect(failure.detail).toMatch(detail)
  })

  it('that failed is tried again with the next request', async () => {
    let down = true
    const { provider, origin } = await discovering((res) =>
      down ? answerWith(503, '')(res) : answerWith(200, metadata(origin))(res),
    )
    await failureOf(provider.ready())
    down = false
    await provider.ready()
    expect((await provider.authorizationUrl({ state: 'a b' })).href).toBe(
      `${origin}/authorize?state=a%20b&client_id=photo-editor&response_type=code`,
    )
  })

  it('serves all who wait with one request', async () => {
    let requests = 0
    const { provider, origin } = await discovering((res) => {
      requests += 1
      answerWith(200, metadata(origin))(res)
    })
    await Promise.all(Array.from({ length: 20 }, () => provider.ready()))
    expect(requests).toBe(1)
  })
})

describe('an error answer of the authorization endpoint', () => {
  it.each<[string, ErrorCode, number]>([
    ['access_denied', 'ERR_LOGIN_CANCELLED', 403],
    ['server_error', 'ERR_PROVIDER_FAILED', 502],
    ['temporarily_unavailable', 'ERR_PROVIDER_FAILED', 502],
    ['unauthorized_client', 'ERR_CLIENT_REJECTED', 500],
    ['invalid_scope', 'ERR_CLIENT_REJECTED', 500],
    ['invalid_request', 'ERR_CLIENT_REJECTED', 500],
    ['unsupported_response_type', 'ERR_CLIENT_REJECTED', 500],
    ['login_required', 'ERR_LOGIN_NOT_COMPLETED', 403],
    ['consent_required', 'ERR_LOGIN_NOT_COMPLETED', 403],
    ['anything_else', 'ERR_LOGIN_NOT_COMPLETED', 403],
  ])('%s', (error, code, status) => {
    const failure = authorizationError(error, 'Because\nof <this>')
    expect(failure).toMatchObject({ code, status, oauthError: error })
    expect(failure.detail).toBe(`authorization: the provider answered ${error} (Because?of <this>)`)
  })
})

describe('userinfo', () => {
  it.each<[string, (res: ServerResponse) => unknown, ErrorCode]>([
    ['of another person', answerWith(200, { sub: 'bob' }), 'ERR_USERINFO_INVALID'],
    ['of nobody', answerWith(200, {}), 'ERR_USERINFO_INVALID'],
    ['that is a page', answerWith(200, '<h1>Hi</h1>', html), 'ERR_PROVIDER_RESPONSE_INVALID'],
    [
      'that is refused',
      answerWith(401, '', { 'www-authenticate': 'Bearer' }),
      'ERR_USERINFO_INVALID',
    ],
    ['that fails', answerWith(500, ''), 'ERR_PROVIDER_FAILED'],
  ])('%s is refused', async (_title, answer, code) => {
    const provider = providerAt(await startServer((_req, res) => void answer(res)), {
      openid: true,
    })
    const failure = await failureOf(provider.userinfo(secrets.accessToken, 'alice'))
    expect(failure.code).toBe(code)
    expect(printedAll(failure)).not.toContain('hush')
  })

  it.each([
    [{ sub: 'alice', name: 'Alice' }, 'alice'],
    [{ id: 7, login: 'alice' }, '7'],
    [{ user_id: 'u-7' }, 'u-7'],
  ])('of a plain server names the person in %j', async (profile, sub) => {
    const provider = providerAt(await startServer((_req, res) => answerWith(200, profile)(res)))
    expect(await provider.userinfo(secrets.accessToken, undefined)).toEqual({ ...profile, sub })
  })

  it.each([[{ name: 'Alice' }], [{ id: {} }], ['alice'], [null]])(
    'of a plain server that names nobody is refused: %j',
    async (profile) => {
      const body = JSON.stringify(profile)
      const provider = providerAt(await startServer((_req, res) => answerWith(200, body)(res)))
      const failure = await failureOf(provider.userinfo(secrets.accessToken, undefined))
      expect(failure.code).toBe('ERR_USERINFO_INVALID')
    },
  )
})

describe('revocation', () => {
  it('is done, or told to be missing', async () => {
    const origin = await startServer((_req, res) => answerWith(200, '')(res))
    expect(await providerAt(origin).revoke(secrets.refreshToken)).toBe(true)
    const endpoints = { authorizationEndpoint: `${origin}/a`, tokenEndpoint: `${origin}/t` }
    const server = { ...endpoints, userinfoEndpoint: `${origin}/u` }
    expect(await createProvider(configFor({ server })).revoke(secrets.refreshToken)).toBe(false)
  })

  it('that fails says so, without the token', async () => {
    const answer = answerWith(503, '')
    const provider = providerAt(await startServer((_req, res) => answer(res)))
    const failure = await failureOf(provider.revoke(secrets.refreshToken))
    expect(failure.code).toBe('ERR_PROVIDER_FAILED')
    expect(printedAll(failure)).not.toContain('hush')
  })
})

describe('translateProviderError', () => {
  const at = new URL('https://idp.example.com/token?code=hush')

  it.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERT_HAS_EXPIRED'])(
    'says what to do about %s',
    (reason) => {
      const failure = translateProviderError(
        new ProviderHttpError('unreachable', reason, at),
        'code',
      )
      expect(failure.detail).toContain(`code: https://idp.example.com/token: ${reason}`)
      expect(failure.detail).toContain('NODE_EXTRA_CA_CERTS')
      expect(failure.detail).not.toContain('hush')
    },
  )

  it('finds our own error wherever the library wrapped it', () => {
    const own = new OAuthError('ERR_ID_TOKEN_INVALID', { detail: 'id_token: x' })
    const wrapped = new Error('a', { cause: new Error('b', { cause: own }) })
    expect(translateProviderError(wrapped, 'code')).toBe(own)
  })

  it.each([undefined, null, 'text', 5, {}, new Error('x')])('makes an error of %j', (thrown) => {
    const failure = translateProviderError(thrown, 'code')
    expect(failure.code).toBe('ERR_PROVIDER_RESPONSE_INVALID')
  })
})
