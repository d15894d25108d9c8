import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import express, { type Express } from 'express'
import type { SessionOptions } from 'express-session'
import type { OAuthOptions } from '../../lib/index.ts'
import { startAppProcess } from '../support/app-process.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { listen } from '../support/listen.ts'
import {
  startScriptedProvider,
  type ScriptedProviderOptions,
} from '../support/scripted-provider.ts'
import { withClaims } from '../support/trial.ts'
import { createUserAgent, type VisitOptions } from '../support/user-agent.ts'
import { collectWarnings } from '../support/warnings.ts'

const closing = closeAfterEach()

// Everything is said once per process, so every test gets the package as a new process would.
beforeEach(() => {
  jest.resetModules()
})

interface Deployment {
  readonly provider?: ScriptedProviderOptions
  readonly config?: OAuthOptions
  /** Of an express-session that the app mounts itself. */
  readonly session?: Partial<SessionOptions>
  readonly sessionAfter?: boolean
  /** What visitors type; the app is told nothing else. */
  readonly publicUrl?: string
  readonly prepare?: (app: Express) => void
}

async function deploy(options: Deployment = {}) {
  const { oauth, requireAuth, errorHandler } = await import('../../lib/index.ts')
  const { default: session } = await import('express-session')
  const provider = closing(
    await startScriptedProvider({ authMethod: 'client_secret_post', ...options.provider }),
  )
  const errors: Array<{ code?: string; detail?: string }> = []
  const warnings = closing(collectWarnings())
  const { url } = closing(
    await listen((address) => {
      const app = express()
      options.prepare?.(app)
      const own =
        options.session &&
        session({
          name: 'app.sid',
          secret: 'the-secret-of-the-apps-own-session-cookie',
          resave: false,
          saveUninitialized: false,
          ...options.session,
        })
      if (own && !options.sessionAfter) app.use(own)
      app.use(
        oauth({
          ...provider.registration,
          baseUrl: options.publicUrl ?? address,
          secret: 'the-secret-of-an-app-that-is-deployed-0123456789',
          ...options.config,
        }),
      )
      if (own && options.sessionAfter) app.use(own)
      app.get('/', (req, res) => void res.json({ sub: req.auth?.user.sub ?? null }))
      app.get('/photos', requireAuth(), (_req, res) => void res.json({ ok: true }))
      app.use(((error, _req, _res, next) => {
        errors.push(error as { code?: string })
        next(error)
      }) as express.ErrorRequestHandler)
      app.use(errorHandler())
      return app
    }),
  )
  provider.registerApp(options.publicUrl ?? url)
  return { agent: createUserAgent(), errors, provider, url, warnings }
}

/** Every warning is an event and a warning of the process, and each comes once. */
async function expectOneWarning(
  code: string,
  options: Deployment,
  stay: VisitOptions = {},
): Promise<void> {
  const { url, warnings } = await deploy(options)
  for (let visit = 0; visit < 2; visit += 1) {
    const agent = createUserAgent()
    await agent.visit(`${url}/photos`, stay)
    await agent.visit(`${url}/photos`, stay)
  }
  expect(warnings.events).toContain(code)
  expect(warnings.events.filter((one) => one === code)).toHaveLength(1)
  expect(warnings.printed.filter((one) => one === code)).toHaveLength(1)
}

const forwarded = { 'x-forwarded-proto': 'https' }

describe('a Secure cookie behind a proxy', () => {
  const publicUrl = 'https://photos.example'

  test('that Express does not trust is refused before the visitor leaves, with what to write', async () => {
    const { agent, errors, provider, url, warnings } = await deploy({ publicUrl })
    const page = await agent.visit(`${url}/photos`, { headers: forwarded })
    expect(page.status).toBe(500)
    expect(page.body).toContain('ERR_SESSION_COOKIE_NOT_SETTABLE')
    expect(page.headers.location).toBeUndefined()
    expect(errors[0]?.detail).toMatch(
      "X-Forwarded-Proto is 'https' and 'trust proxy' does not cover it",
    )
    expect(errors[0]?.detail).toMatch("app.set('trust proxy', 1)")
    expect(provider.front.requests).toEqual([])
    expect(warnings.events).not.toContain('WARN_SESSION_MEMORY_STORE')
  })

  test('that says nothing about https is refused as well, with what it has to send', async () => {
    const { agent, errors, url } = await deploy({ publicUrl })
    expect((await agent.visit(`${url}/login`)).status).toBe(500)
    expect(errors[0]?.detail).toMatch('without X-Forwarded-Proto')
  })

  test('that Express trusts is fine', async () => {
    const prepare = (app: Express) => void app.set('trust proxy', 1)
    const { agent, url } = await deploy({ publicUrl, prepare })
    const stopped = await agent.visit(`${url}/photos`, {
      headers: { ...forwarded, host: 'photos.example' },
      stopBefore: () => true,
    })
    expect(stopped.status).toBe(303)
    expect(String(stopped.headers['set-cookie'])).toMatch(/^__Host-oauth-tx-.*; Secure/)
  })

  test('is fine where our own session is told to believe the proxy', async () => {
    const { agent, url } = await deploy({ publicUrl, config: { session: { proxy: true } } })
    const stopped = await agent.visit(`${url}/photos`, {
      headers: { ...forwarded, host: 'photos.example' },
      stopBefore: () => true,
    })
    expect(stopped.status).toBe(303)
  })
})

describe('a Secure cookie behind a proxy of a server without Express', () => {
  const behindProxy = async (config: OAuthOptions, headers: Record<string, string>) => {
    const { oauth } = await import('../../lib/index.ts')
    const provider = closing(await startScriptedProvider({ authMethod: 'client_secret_post' }))
    const { url } = closing(
      await listen(() => {
        const middleware = oauth({
          ...provider.registration,
          baseUrl: 'https://photos.example',
          secret: 'the-secret-of-an-app-that-is-deployed-0123456789',
          ...config,
        })
        return (req, res) => middleware(req, res, (error) => void res.end((error as Error).message))
      }),
    )
    const options = { headers: { ...headers, host: 'photos.example' }, stopBefore: () => true }
    return createUserAgent().visit(`${url}/login`, options)
  }

  test('is refused until the session is told to believe it, and then works', async () => {
    const refused = await behindProxy({}, forwarded)
    expect(refused.headers.location).toBeUndefined()
    expect((await behindProxy({ session: { proxy: true } }, forwarded)).status).toBe(303)
    const direct = await behindProxy({ session: { proxy: true } }, {})
    expect(direct.headers.location).toBeUndefined()
  })
})

describe('a session that cannot work', () => {
  test('because its cookie path leaves the callback out is refused before the visitor leaves', async () => {
    const { agent, errors, provider, url } = await deploy({
      session: { cookie: { path: '/app' } },
      config: { routes: { login: '/app/login', callback: '/callback' } },
    })
    expect((await agent.visit(`${url}/app/login`)).status).toBe(500)
    expect(errors[0]).toMatchObject({ code: 'ERR_SESSION_COOKIE_NOT_SETTABLE' })
    expect(errors[0]?.detail).toMatch("the session cookie has the path '/app'")
    expect(provider.authorizations).toEqual([])
  })

  test('because its cookie path leaves our routes out is no session, with the three reasons why', async () => {
    const { agent, errors, url } = await deploy({ session: { cookie: { path: '/app' } } })
    const page = await agent.visit(`${url}/login`)
    expect(page.status).toBe(503)
    expect(errors[0]?.detail).toMatch('its cookie path does not cover this address')
    expect((await agent.visit(`${url}/`)).json()).toEqual({ sub: null })
  })

  test('because it is no express-session is refused by name', async () => {
    const prepare = (app: Express) =>
      void app.use((req, _res, next) => {
        Object.assign(req, { session: { views: 1 } })
        next()
      })
    const { agent, errors, url } = await deploy({ prepare })
    expect((await agent.visit(`${url}/login`)).status).toBe(500)
    expect(errors[0]).toMatchObject({ code: 'ERR_SESSION_MISSING' })
    expect(errors[0]?.detail).toMatch('cookie-session')
  })

  test('because the app promised one and mounts none is refused for pages that need it only', async () => {
    const { agent, url } = await deploy({ config: { session: false } })
    expect((await agent.visit(`${url}/`)).json()).toEqual({ sub: null })
    expect((await agent.visit(`${url}/photos`)).status).toBe(503)
  })
})

describe('said once', () => {
  test('that saves what has not changed', () =>
    expectOneWarning('WARN_SESSION_RESAVE', { session: { resave: true } }))

  test('an express-session that comes after oauth()', () =>
    expectOneWarning('WARN_SESSION_MOUNTED_AFTER', { session: {}, sessionAfter: true }))

  test('a host that is not the one of baseUrl', () =>
    expectOneWarning(
      'WARN_HOST_DIFFERS',
      { publicUrl: 'http://localhost:1' },
      { stopBefore: () => true },
    ))

  test('a clock that is minutes away from the provider’s', () =>
    expectOneWarning('WARN_CLOCK_SKEW', { config: { fetch: fetchWithDate(-5 * 60_000) } }))

  test('a provider that gives no refresh token', () =>
    expectOneWarning('WARN_NO_REFRESH_TOKEN', {
      provider: { scenario: { tokens: (tokens) => ({ ...tokens, expires_in: 300 }) } },
    }))

  test('nothing, where everything is right', async () => {
    const { agent, url, warnings } = await deploy({
      session: {},
      provider: { refresh: true, scenario: { tokens: (all) => ({ ...all, expires_in: 300 }) } },
    })
    await agent.visit(`${url}/photos`)
    expect((await agent.visit(`${url}/photos`)).json()).toEqual({ ok: true })
    expect(warnings.events).toEqual([])
  })
})

/** Answers as if the provider's clock were this far from ours. */
const fetchWithDate =
  (offset: number): typeof fetch =>
  async (url, init) => {
    const answer = await fetch(url, init)
    const { status } = answer
    const headers = new Headers(answer.headers)
    headers.set('date', new Date(Date.now() + offset).toUTCString())
    return new Response(await answer.text(), { status, headers })
  }

test('an ID token that failed because of the clock says how far the clock is off', async () => {
  const seconds = Math.round(Date.now() / 1000)
  const { agent, errors, url } = await deploy({
    config: { fetch: fetchWithDate(-5 * 60_000) },
    provider: { scenario: { idToken: withClaims({ iat: seconds - 400, exp: seconds - 100 }) } },
  })
  const page = await agent.visit(`${url}/photos`)
  expect(page.body).toContain('ERR_ID_TOKEN_INVALID')
  expect(errors[0]?.detail).toMatch(
    /this server's clock is (299|300|301) s ahead of the provider's/,
  )
})

test('an iss that nothing is configured to compare with is told once', async () => {
  const provider = closing(
    await startScriptedProvider({
      authMethod: 'client_secret_post',
      scenario: {
        authorization: (answer) => ({ ...answer, iss: 'https://idp.example' }),
        tokens: ({ access_token, token_type }) => ({ access_token, token_type }),
      },
    }),
  )
  const { oauth } = await import('../../lib/index.ts')
  const warnings = closing(collectWarnings())
  const { url } = closing(
    await listen((baseUrl) => {
      const app = express()
      app.use(
        oauth({
          server: {
            authorizationEndpoint: `${provider.issuer}/authorize`,
            tokenEndpoint: `${provider.issuer}/token`,
            userinfoEndpoint: `${provider.issuer}/userinfo`,
          },
          scope: 'openid',
          clientId: provider.clientId,
          clientSecret: provider.clientSecret,
          baseUrl,
          secret: 'the-secret-of-an-app-that-is-deployed-0123456789',
        }),
      )
      app.get('/', (req, res) => void res.json({ sub: req.auth?.user.sub ?? null }))
      return app
    }),
  )
  provider.registerApp(url)
  for (let login = 0; login < 2; login += 1) {
    expect((await createUserAgent().visit(`${url}/login`)).json()).toEqual({ sub: 'alice' })
  }
  expect(warnings.events.filter((one) => one === 'WARN_ISSUER_UNCHECKED')).toHaveLength(1)
})

describe('a token set that was sealed with another secret', () => {
  const old = 'the-secret-of-last-year-which-was-used-0123456789'
  const young = 'the-secret-of-this-year-which-is-used-0123456789'

  async function signedInWithOldSecret(secret: string | string[]) {
    const { oauth } = await import('../../lib/index.ts')
    const { default: session } = await import('express-session')
    const provider = closing(await startScriptedProvider({ authMethod: 'client_secret_post' }))
    const warnings = closing(collectWarnings())
    let current: string | string[] = old
    const { url } = closing(
      await listen((baseUrl) => {
        const app = express()
        app.use(
          session({
            secret: 'the-secret-of-the-apps-own-session-cookie',
            resave: false,
            saveUninitialized: false,
          }),
        )
        const make = (value: string | string[]) =>
          oauth({
            ...provider.registration,
            baseUrl,
            secret: value,
          })
        const before = make(old)
        const after = make(secret)
        app.use((req, res, next) => (current === old ? before : after)(req, res, next))
        app.get('/', (req, res) => void res.json({ sub: req.auth?.user.sub ?? null }))
        return app
      }),
    )
    provider.registerApp(url)
    const agent = createUserAgent()
    await agent.visit(`${url}/login`)
    current = secret
    return { agent, url, warnings }
  }

  test('signs its visitor out and says once how to keep the old secret', async () => {
    const { agent, url, warnings } = await signedInWithOldSecret(young)
    for (let visit = 0; visit < 2; visit += 1) {
      expect((await agent.fetch(`${url}/`)).json()).toEqual({ sub: null })
    }
    expect(warnings.events).toEqual(['WARN_TOKEN_SET_UNREADABLE'])
  })

  test('is read while the old secret is the second one', async () => {
    const { agent, url, warnings } = await signedInWithOldSecret([young, old])
    expect((await agent.fetch(`${url}/`)).json()).toEqual({ sub: 'alice' })
    expect(warnings.events).toEqual([])
  })
})

test('a memory store in production is a warning that the process prints once', async () => {
  const provider = closing(await startScriptedProvider({ authMethod: 'client_secret_post' }))
  const app = closing(
    await startAppProcess(
      (port) => ({
        config: {
          ...provider.registration,
          baseUrl: `http://127.0.0.1:${port}`,
          secret: 'the-secret-of-an-app-that-is-deployed-0123456789',
        },
      }),
      { env: { NODE_ENV: 'production' } },
    ),
  )
  const url = `http://127.0.0.1:${app.port}`
  provider.registerApp(url)
  for (let login = 0; login < 2; login += 1) {
    const photos = await createUserAgent().visit(`${url}/photos`)
    expect(photos.json()).toMatchObject({ owner: 'alice' })
  }
  expect(app.warnings).toEqual(['WARN_SESSION_MEMORY_STORE'])
  const lines = app.stderr().split('\n')
  const said = lines.filter((line) => line.includes('[WARN_SESSION_MEMORY_STORE] OAuthWarning'))
  expect(said).toHaveLength(1)
  expect(said[0]).toContain('docs/errors.md#warn_session_memory_store')
})
