import { afterEach, describe, expect, test } from '@jest/globals'
import { inspector } from '../../lib/inspector/index.ts'
import { startApp } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, type JourneyOptions } from '../support/journey.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { withClaims } from '../support/trial.ts'
import { createUserAgent } from '../support/user-agent.ts'
import { inShort, lookAt, startInspectedJourney, type Report } from './inspected.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const start = async (options?: JourneyOptions) => closing(await startInspectedJourney(options))

const atCallback = ({ pathname }: URL) => pathname === '/callback'
const signsIn =
  'browser>provider the person signs in and agrees, and this app never sees a password'

const failureOf = ({ steps }: Report) => {
  const index = steps.findIndex(({ failure }) => failure)
  const step = steps[index]
  return { step: step && `${step.from}>${step.to} ${step.title}`, code: step?.failure?.code }
}

describe('the diagram', () => {
  test('of a login shows its steps in the order in which they happen', async () => {
    const { inspector: look, visit } = await start()
    await visit('/photos?album=7')
    const report = await look.report('login')
    expect(inShort(report)).toEqual([
      'browser>app GET /photos',
      'app>provider GET discovery document',
      'provider>app 200 metadata',
      'app>store keep the pending login',
      'app>browser 303 to the authorization server',
      'browser>provider GET /auth',
      signsIn,
      'provider>browser redirect to the callback',
      'browser>app GET /callback',
      'store>app the pending login, handed out once',
      'app the answer is checked',
      'app>provider POST /token',
      'provider>app 200 tokens',
      'app>provider GET /jwks',
      'provider>app 200 keys',
      'app the ID token is verified',
      'app>provider GET /me',
      'provider>app 200 profile',
      'app>store keep tokens and session',
      'app>browser 303 to /photos',
    ])
    expect(report.outcome).toBe('done')
    const times = report.steps.map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  test('lets a value be recognised where it comes up again, by its digest', async () => {
    const { inspector: look, visit } = await start()
    await visit('/albums')
    const login = await look.report('login')
    const call = await look.report('api')
    const valueOf = (title: string, name: string, { steps }: Report = login) =>
      steps
        .find((step) => step.title === title)
        ?.details.find((detail) => detail.startsWith(`${name}: `))
        ?.slice(name.length + 2)

    const state = valueOf('keep the pending login', 'state')
    expect(state).toMatch(/^43 chars #[0-9a-f]{6}$/)
    expect(valueOf('GET /auth', 'state')).toBe(state)
    expect(valueOf('GET /callback', 'state')).toBe(state)
    expect(valueOf('POST /token', 'code')).toBe(valueOf('GET /callback', 'code'))
    expect(valueOf('POST /token', 'code_verifier')).toBe(
      valueOf('keep the pending login', 'code_verifier'),
    )
    expect(valueOf('GET /v1/albums', 'authorization', call)).toBe(
      `Bearer ${valueOf('200 tokens', 'access_token')}`,
    )
    expect(valueOf('GET /auth', 'scope')).toBe('openid profile email offline_access')
    expect(call.login).toBe(login.login)
  })

  test.each([
    ['form_post', 'lax', 'a form that sends itself', 'POST /callback', '303 to /callback'],
    [
      'query',
      'strict',
      'redirect to the callback',
      'GET /callback',
      '200 page that goes on by itself',
    ],
  ] as const)(
    'of a return without the session (%s, %s) shows both requests',
    async (responseMode, sameSite, sent, received, answered) => {
      const {
        agent,
        inspector: look,
        visit,
      } = await start({ config: { responseMode, session: { cookie: { sameSite } } } })
      const { headers } = await visit('/photos')
      const onward = /url=(.*)$/.exec(String(headers['refresh']))?.[1]
      if (onward) await agent.visit(onward)
      const report = await look.report('login')
      const steps = inShort(report)
      const from = steps.indexOf(signsIn) + 1
      expect(steps.slice(from, from + 6)).toEqual([
        `provider>browser ${sent}`,
        `browser>app ${received}`,
        'app>store keep the answer for a moment',
        `app>browser ${answered}`,
        'browser>app GET /callback',
        'store>app the pending login, handed out once',
      ])
      expect(report.outcome).toBe('done')
    },
  )

  test('of a refresh shows the claim, the request and what is stored, and names its login', async () => {
    const { inspector: look, visit } = await start()
    await visit('/photos')
    advanceClock(pastAccessToken)
    await visit('/albums')
    const report = await look.report('refresh')
    expect(inShort(report)).toEqual([
      'app the access token expired 1 min ago',
      'app>store claim the refresh',
      'app>provider POST /token',
      'provider>app 200 tokens',
      'app>store keep version 2',
    ])
    expect(report.login).toBe((await look.report('login')).login)
    expect(report.outcome).toBe('done')
  })

  test('of a refused API call has the refresh and the second try as its branches', async () => {
    const { api, inspector: look, visit } = await start()
    await visit('/photos')
    api.front.faults.add(
      { path: '/v1/albums', times: 1 },
      { kind: 'answer', answer: { status: 401 } },
    )
    expect((await visit('/albums')).json()).toMatchObject({ status: 200 })
    const report = await look.report('api')
    expect(inShort(report)).toEqual([
      'app>api GET /v1/albums',
      'api>app 401',
      'app a new access token is wanted',
      'app>store claim the refresh',
      'app>provider POST /token',
      'provider>app 200 tokens',
      'app>store keep version 2',
      'app once more, with a new token',
      'app>api GET /v1/albums',
      'api>app 200',
    ])
    expect(report.outcome).toBe('done')
    const { body } = await look.get(`/flows/${report.flow}`)
    expect(body).toMatch(/<g class="branch">.*refresh<\/text>/)
    expect(body).toMatch(/<g class="branch">.*retry<\/text>/)
  })

  test('of an API call that stays refused says so, with what to look at', async () => {
    const { api, inspector: look, visit } = await start()
    await visit('/photos')
    api.front.faults.add({ path: '/v1/albums' }, { kind: 'answer', answer: { status: 403 } })
    await visit('/albums')
    const report = await look.report('api')
    expect(report.outcome).toBe('failed')
    expect(failureOf(report)).toEqual({ step: 'api>app 403', code: '403' })
  })

  test('of a logout shows what ends here, what is revoked and what ends over there', async () => {
    const { agent, app, inspector: look, visit } = await start()
    await visit('/photos')
    await agent.post(`${app.url}/logout`)
    const report = await look.report('logout')
    expect(inShort(report)).toEqual([
      'browser>app POST /logout',
      'app>store remove tokens, end session',
      'app>provider POST /token/revocation',
      'provider>app 200',
      'app>browser 303 to the authorization server',
      'browser>provider GET /session/end',
    ])
    expect(report.login).toBe((await look.report('login')).login)
  })

  test('of a login under way ends with what is waited for', async () => {
    const { agent, app, inspector: look } = await start()
    await agent.visit(`${app.url}/photos`, { stopBefore: atCallback })
    const report = await look.report('login')
    expect(report.outcome).toBe('waiting')
    expect(inShort(report).at(-1)).toBe(signsIn)
    const { body } = await look.get(`/flows/${report.flow}`)
    expect(body).toContain('class="step front note pending"')
  })
})

describe('a login that fails is marked at the step that failed:', () => {
  const invalid = (error: string, status = 400) => ({
    kind: 'answer' as const,
    answer: {
      status,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ error }),
    },
  })

  test('the token endpoint, which does not know the client', async () => {
    const { inspector: look, provider, visit } = await start()
    provider.front.faults.add({ path: '/token', times: 1 }, invalid('invalid_client', 401))
    const page = await visit('/photos')
    const report = await look.report('login')
    expect(failureOf(report)).toEqual({
      step: 'provider>app refused: invalid_client',
      code: 'ERR_CLIENT_REJECTED',
    })
    expect(inShort(report).at(-1)).toBe('app>browser 500 error page')

    const { body } = await look.get(`/flows/${report.flow}`)
    expect(body).toContain('ERR_CLIENT_REJECTED')
    expect(body).toContain('tokenEndpointAuthMethod')
    expect(body).toContain('https://www.rfc-editor.org/rfc/rfc6749#section-5.2')
    expect(body).toContain('docs/errors.md#err_client_rejected')
    expect(page.body).toContain(`href="/oauth-inspector/flows/${report.flow}"`)
  })

  test('the token endpoint, which cannot be reached', async () => {
    const { inspector: look, provider, visit } = await start()
    provider.front.faults.add({ path: '/token', times: 2 }, { kind: 'reset' })
    await visit('/photos')
    expect(failureOf(await look.report('login'))).toEqual({
      step: 'provider>app no answer',
      code: 'ERR_PROVIDER_UNAVAILABLE',
    })
  })

  test('the callback, when the person said no', async () => {
    const { inspector: look, provider, visit } = await start()
    provider.deny()
    await visit('/photos')
    const report = await look.report('login')
    expect(failureOf(report)).toEqual({
      step: 'browser>app GET /callback',
      code: 'ERR_LOGIN_CANCELLED',
    })
  })

  test('the store, which knows no login of this state', async () => {
    const { agent, app, inspector: look } = await start()
    const { pending } = await agent.visit(`${app.url}/photos`, { stopBefore: atCallback })
    await agent.cookies.clear()
    await agent.visit(pending?.url ?? '')
    const report = await look.report('login')
    expect(failureOf(report)).toEqual({
      step: 'store>app no pending login of this state',
      code: 'ERR_STATE_UNKNOWN',
    })
    expect(inShort(report)[1]).toBe('browser>app GET /callback')
    expect(report.steps[1]?.details).toContain('cookies: none')
  })

  test('a check of this app, when the issuer is another one', async () => {
    const { agent, app, inspector: look } = await start()
    const { pending } = await agent.visit(`${app.url}/photos`, { stopBefore: atCallback })
    const url = new URL(pending?.url ?? '')
    url.searchParams.set('iss', 'https://other.example')
    await agent.visit(url)
    expect(failureOf(await look.report('login'))).toEqual({
      step: 'app>app not from the issuer that was asked',
      code: 'ERR_CALLBACK_ISSUER',
    })
  })

  test('discovery, when the provider is down', async () => {
    const { inspector: look, provider, visit } = await start()
    await provider.stop()
    await visit('/photos')
    expect(failureOf(await look.report('login'))).toEqual({
      step: 'provider>app no metadata',
      code: 'ERR_PROVIDER_UNAVAILABLE',
    })
  })

  test('the ID token, when it is meant for somebody else', async () => {
    const middleware = closing(inspector())
    const provider = closing(
      await startScriptedProvider({ scenario: { idToken: withClaims({ aud: 'somebody-else' }) } }),
    )
    const { clientId, clientSecret, issuer } = provider
    const config = { clientId, clientSecret, issuer }
    const app = closing(await startApp({ config, before: [middleware] }))
    provider.registerApp(app.url)
    await createUserAgent().visit(`${app.url}/photos`)
    const report = await lookAt(`${app.url}/oauth-inspector`).report('login')
    expect(failureOf(report)).toEqual({
      step: 'app>app the ID token does not hold',
      code: 'ERR_ID_TOKEN_INVALID',
    })
    expect(inShort(report)).toContain('provider>app 200 tokens')
  })
})

test('a refresh that fails for good says that the login ends', async () => {
  const { inspector: look, provider, visit } = await start()
  await visit('/photos')
  provider.front.faults.add(
    { path: '/token', grantType: 'refresh_token', times: 1 },
    {
      kind: 'answer',
      answer: {
        status: 400,
        headers: { 'content-type': 'application/json' },
        body: '{"error":"invalid_grant"}',
      },
    },
  )
  advanceClock(pastAccessToken)
  await visit('/')
  const report = await look.report('refresh')
  expect(failureOf(report)).toEqual({
    step: 'provider>app refused: invalid_grant',
    code: 'ERR_LOGIN_EXPIRED',
  })
  expect(inShort(report).at(-1)).toBe('app the login ends')
})

describe('a page that requireAuth() refuses', () => {
  test('is a flow of its own, with the reason', async () => {
    const { agent, app, inspector: look } = await start()
    await agent.fetch(`${app.url}/photos?album=7`)
    const report = await look.report('guard')
    expect(inShort(report)).toEqual([
      'browser>app GET /photos',
      'app nobody is signed in',
      'app>browser 401',
    ])
    expect(report).toMatchObject({ outcome: 'failed', error: 'ERR_LOGIN_REQUIRED' })
  })

  test('links from its error page to that flow', async () => {
    const { agent, app, inspector: look } = await start()
    const page = await agent.post(`${app.url}/photos`)
    expect(page.status).toBe(401)
    const [, path = ''] = /href="\/oauth-inspector(\/flows\/[^"]+)"/.exec(page.body) ?? []
    expect((await look.get(path)).status).toBe(200)
  })

  test('because of a refresh that failed is told by the refresh', async () => {
    const { agent, app, inspector: look, provider, visit } = await start()
    await visit('/token')
    advanceClock(pastAccessToken)
    provider.front.faults.add({ path: '/token' }, { kind: 'answer', answer: { status: 500 } })
    await agent.fetch(`${app.url}/token`)
    const kinds = (await look.flows()).map(({ kind }) => kind)
    expect(kinds).toContain('refresh')
    expect(kinds).not.toContain('guard')
    const { steps } = await look.report('refresh')
    expect(steps.map(({ title }) => title)).not.toContain('GET /token')
  })
})
