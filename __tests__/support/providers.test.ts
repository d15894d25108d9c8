import { describe, expect, test } from '@jest/globals'
import * as client from 'openid-client'
import { closeAfterEach } from './cleanups.ts'
import { startFront } from './front.ts'
import { startProvider } from './real-provider.ts'
import { startScriptedProvider, type ScriptedProviderOptions } from './scripted-provider.ts'
import { createUserAgent, type Page } from './user-agent.ts'

const closing = closeAfterEach()

interface Server {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  registerApp(baseUrl: string): void
}

const discover = (server: Server) =>
  client.discovery(
    new URL(server.issuer),
    server.clientId,
    undefined,
    client.ClientSecretBasic(server.clientSecret),
    { execute: [client.allowInsecureRequests] },
  )

/** A login without the middleware: openid-client, and a front in the place of the app. */
async function logIn(server: Server, parameters: Record<string, string> = {}) {
  const app = await startFront(async () => ({ status: 200 }))
  closing({ close: app.stop })
  server.registerApp(app.origin)
  const config = await discover(server)
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: `${app.origin}/callback`,
    scope: 'openid profile',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  })
  const agent = createUserAgent()
  const page = await agent.visit(url)
  const redeem = () =>
    client.authorizationCodeGrant(config, page.url, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
    })
  return { agent, app, config, page, redeem }
}

const pathOf = ({ url }: Page): string => url.pathname

describe('the real provider', () => {
  test('signs a person in through its page and names them', async () => {
    const provider = closing(await startProvider({ interaction: 'page', host: 'localhost' }))
    const { page, redeem } = await logIn(provider)
    expect(pathOf(page)).toBe('/callback')
    const tokens = await redeem()
    expect(tokens.claims()?.sub).toBe('alice')
    expect(await provider.accountOf(tokens.access_token)).toBe('alice')
    expect(provider.front.secrets).toContain(tokens.refresh_token)
  })

  test('rotates refresh tokens and revokes the family when one is used twice', async () => {
    const provider = closing(await startProvider())
    const { config, redeem } = await logIn(provider)
    const { refresh_token: first = '' } = await redeem()
    const second = await client.refreshTokenGrant(config, first)
    expect(second.refresh_token).not.toBe(first)
    await expect(client.refreshTokenGrant(config, first)).rejects.toMatchObject({
      error: 'invalid_grant',
    })
    expect(await provider.accountOf(second.access_token)).toBeUndefined()
    expect(provider.tokenRequests('refresh_token')).toBe(2)
  })

  test('comes back with access_denied when the person refuses', async () => {
    const provider = closing(await startProvider())
    provider.deny()
    const { page } = await logIn(provider)
    expect(page.url.searchParams.get('error')).toBe('access_denied')
    provider.signIn('bob')
    const { redeem } = await logIn(provider)
    expect((await redeem()).claims()?.sub).toBe('bob')
  })

  test('answers by a form that sends itself', async () => {
    const provider = closing(await startProvider())
    const { page, app } = await logIn(provider, { response_mode: 'form_post' })
    expect(page.hops.at(-1)).toMatchObject({ method: 'POST' })
    expect(app.requests.at(-1)?.parameters).toEqual(['code', 'state', 'iss'])
  })

  test('is away while stopped and still knows everything when it is back', async () => {
    const provider = closing(await startProvider())
    const { config, redeem } = await logIn(provider)
    const { refresh_token: token = '' } = await redeem()
    await provider.stop()
    await expect(client.refreshTokenGrant(config, token)).rejects.toThrow('fetch failed')
    await provider.start()
    const refreshed = await client.refreshTokenGrant(config, token)
    expect(refreshed.access_token).toBeDefined()
  })

  test('lets a token request wait, lose its answer or fail', async () => {
    const provider = closing(await startProvider())
    const { config, redeem } = await logIn(provider)
    const { refresh_token: token = '' } = await redeem()
    const { faults } = provider.front
    const target = { path: '/token', times: 1 }
    faults.add(target, { kind: 'answer', answer: { status: 503 } })
    await expect(client.refreshTokenGrant(config, token)).rejects.toMatchObject({
      cause: { status: 503 },
    })
    const hold = provider.holdTokens({ times: 1 })
    const waiting = client.refreshTokenGrant(config, token)
    await hold.arrived
    hold.release()
    const { refresh_token: next = '' } = await waiting
    faults.add(target, { kind: 'lost-answer' })
    await expect(client.refreshTokenGrant(config, next)).rejects.toThrow('fetch failed')
    expect(provider.front.requests.slice(-3).map(({ status }) => status)).toEqual([503, 200, 0])
  })

  test('ends its session and sends the browser to a registered address only', async () => {
    const provider = closing(await startProvider())
    const { agent, app, config, redeem } = await logIn(provider)
    const { id_token: hint = '' } = await redeem()
    const logoutUrl = (returnTo: string) =>
      client.buildEndSessionUrl(config, {
        id_token_hint: hint,
        post_logout_redirect_uri: returnTo,
        state: 'a-state',
      })
    expect((await agent.visit(logoutUrl(`${app.origin}/elsewhere`))).status).toBe(400)
    const page = await agent.visit(logoutUrl(`${app.origin}/`))
    expect(page.url.href).toBe(`${app.origin}/?state=a-state`)
  })
})

describe('the scripted provider', () => {
  const start = async (options?: ScriptedProviderOptions) =>
    closing(await startScriptedProvider(options))

  test('has no complaint about a correct login', async () => {
    const provider = await start({ endsWithUserinfo: true })
    const { config, redeem } = await logIn(provider)
    const tokens = await redeem()
    await client.fetchUserInfo(config, tokens.access_token, 'alice')
    expect(provider.violations).toEqual([])
  })

  test('accepts only the client authentication that its metadata offer', async () => {
    const provider = await start({ authMethod: 'client_secret_post' })
    const { config, redeem } = await logIn(provider)
    expect(config.serverMetadata().token_endpoint_auth_methods_supported).toEqual([
      'client_secret_post',
    ])
    await expect(redeem()).rejects.toMatchObject({ error: 'invalid_client' })
    expect(provider.violations).toEqual([
      'token: client_secret_basic instead of client_secret_post',
    ])
  })

  test('writes down requests that a provider has to refuse', async () => {
    const provider = await start({ endsWithUserinfo: true })
    const { config, redeem } = await logIn(provider, { nonce: 'short', scope: 'profile' })
    const wrong = client.authorizationCodeGrant(config, new URL('http://app.example/?code=guess'))
    await expect(wrong).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(redeem()).rejects.toMatchObject({ code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' })
    expect(provider.violations).toEqual([
      'authorize: wrong scope',
      'authorize: wrong nonce',
      'token: unknown or used code',
    ])
  })

  test('lets a scenario change tokens, keys and answers', async () => {
    const provider = await start({
      scenario: {
        idToken: (draft) => ({ ...draft, claims: { ...draft.claims, aud: 'someone-else' } }),
      },
    })
    const { redeem } = await logIn(provider)
    await expect(redeem()).rejects.toMatchObject({ code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' })
    provider.script({ discovery: (document) => ({ ...document, issuer: 'http://other.example' }) })
    await expect(discover(provider)).rejects.toMatchObject({
      code: 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
    })
  })
})

describe('the user agent', () => {
  test('tells servers how a navigation came about', async () => {
    const other = await startFront(
      async () => ({
        status: 303,
        headers: { location: `${app.origin}/back` },
      }),
      { host: 'localhost' },
    )
    closing({ close: other.stop })
    const app = await startFront(async ({ url, headers }) =>
      url.pathname === '/away'
        ? { status: 303, headers: { location: `${other.origin}/` } }
        : {
            status: 200,
            headers: { 'set-cookie': 'lax=1; SameSite=Lax' },
            body: JSON.stringify(headers),
          },
    )
    closing({ close: app.stop })
    const agent = createUserAgent()
    const first = await agent.visit(app.origin)
    expect(first.json()).toMatchObject({
      'sec-fetch-site': 'none',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-user': '?1',
    })
    expect((await agent.click(first, '/here')).json()).toMatchObject({
      'sec-fetch-site': 'same-origin',
      cookie: 'lax=1',
    })
    const back = await agent.click(first, '/away')
    expect(back.json()).toMatchObject({ 'sec-fetch-site': 'cross-site', cookie: 'lax=1' })
    expect(back.hops.map(({ url }) => url.pathname)).toEqual(['/away', '/', '/back'])
    expect((await agent.fetch(`${app.origin}/data`)).json()).toMatchObject({
      'sec-fetch-mode': 'cors',
      'sec-fetch-site': 'same-origin',
    })
    const posted = await agent.post(app.origin, {}, { from: other.origin })
    expect(posted.json()).not.toHaveProperty('cookie')
    expect(posted.json()).toMatchObject({ origin: other.origin, 'sec-fetch-site': 'cross-site' })
  })

  test('holds a form and its redirects to the form-action of the page', async () => {
    const app = await startFront(async ({ url }) =>
      url.pathname === '/out'
        ? { status: 303, headers: { location: 'http://127.0.0.1:1/elsewhere' } }
        : {
            status: 200,
            headers: {
              'content-type': 'text/html',
              'content-security-policy': "default-src 'none'; form-action 'self'",
              'referrer-policy': 'no-referrer',
            },
            body: '<form method="post" action="/in"></form><form method="post" action="/out"></form>',
          },
    )
    closing({ close: app.stop })
    const agent = createUserAgent()
    const page = await agent.visit(app.origin)
    const stayed = await agent.submit(page, { form: 0 })
    expect(stayed.hops[0]?.requestHeaders).toMatchObject({ origin: 'null' })
    await expect(agent.submit(page, { form: 1 })).rejects.toThrow('Blocked by form-action')
  })
})
