import { describe, expect, test } from '@jest/globals'
import express, { type ErrorRequestHandler } from 'express'
import { MemoryStore } from 'express-session'
import { errorHandler, oauth, requireAuth, type RequireAuthOptions } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { listen } from '../support/listen.ts'
import { startScriptedProvider, type Scenario } from '../support/scripted-provider.ts'
import { withClaims } from '../support/trial.ts'
import { createUserAgent, type Page } from '../support/user-agent.ts'

const closing = closeAfterEach()

const demands: Record<string, RequireAuthOptions> = {
  '/signed-in': {},
  '/scope': { scope: 'photos.write' },
  '/admin': { claims: { roles: 'admin' } },
  '/owner': { when: ({ user }) => user.sub === 'bob' },
  '/editor': { claims: { roles: 'editor', level: (value) => Number(value) > 2 } },
  '/strong': { acr: 'urn:strong' },
  '/recent': { maxAge: 60 },
  '/elsewhere': { provider: 'https://another.example' },
}

async function start(scenario: Scenario = {}) {
  const idToken = withClaims({ roles: ['editor'], level: 3 })
  const provider = closing(
    await startScriptedProvider({
      authMethod: 'client_secret_post',
      scenario: { idToken, ...scenario },
    }),
  )
  const store = new MemoryStore()
  const errors: unknown[] = []
  const { url } = closing(
    await listen((baseUrl) => {
      const app = express()
      app.use(
        oauth({
          ...provider.registration,
          baseUrl,
          secret: 'the-secret-of-an-app-with-rights-0123456789',
          session: { store },
          timeout: 0.5,
        }),
      )
      app.get('/', (req, res) => void res.json({ sub: req.auth?.user.sub ?? null }))
      app.get('/personal', (req, res) => void res.json({ sub: req.auth?.user.sub ?? null }))
      app.get('/public', (_req, res) => void res.json({ for: 'everybody' }))
      for (const [path, demand] of Object.entries(demands)) {
        app.all(path, requireAuth(demand), (_req, res) => void res.json({ at: path }))
      }
      app.use(((error, _req, _res, next) => {
        errors.push(error)
        next(error)
      }) as ErrorRequestHandler)
      app.use(errorHandler())
      return app
    }),
  )
  provider.registerApp(url)
  return { agent: createUserAgent(), errors, provider, store, url }
}

const authorized = (page: Page) =>
  page.hops.some(({ location }) => location?.includes('/authorize'))

/** Everything about a person or a login stays out of every cache. */
function expectPrivate({ headers }: Page): void {
  expect(headers['cache-control']).toBe('private, no-store')
  expect(String(headers.vary)).toMatch(/\bcookie\b/i)
}

describe('somebody who is signed in', () => {
  test.each([
    ['/scope', 'scope'],
    ['/admin', 'roles'],
    ['/owner', 'when'],
  ])('and lacks the right for %s gets a page, and never a redirect', async (path, reason) => {
    const { agent, errors, url } = await start()
    await agent.visit(`${url}/signed-in`)
    const page = await agent.visit(url + path)
    expect(page.status).toBe(403)
    expect(page.hops).toHaveLength(1)
    expect(page.headers['content-type']).toMatch('text/html')
    expect(page.body).toContain('ERR_FORBIDDEN')
    expect(page.body).toContain('<h1>No access</h1>')
    expect(page.body).toContain('href="/"')
    expect(page.body).not.toContain('/login')
    expectPrivate(page)
    expect(errors.at(-1)).toMatchObject({ detail: expect.stringContaining(reason) })

    const answer = await agent.fetch(url + path)
    expect(answer.status).toBe(403)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json()).toMatchObject({ status: 403, code: 'ERR_FORBIDDEN' })
    expect(answer.json().login_url).toBeUndefined()
    expectPrivate(answer)
  })

  test('and has the right gets in, and nothing of the page may be stored', async () => {
    const { agent, url } = await start()
    for (const path of ['/signed-in', '/editor']) {
      const page = await agent.visit(url + path)
      expect(page.json()).toEqual({ at: path })
      expectPrivate(page)
    }
  })

  test('makes a page private by being looked at, and leaves a public page as it is', async () => {
    const { agent, url } = await start()
    await agent.visit(`${url}/signed-in`)
    expectPrivate(await agent.fetch(`${url}/personal`))
    const open = await agent.fetch(`${url}/public`)
    expect(open.headers['cache-control']).toBeUndefined()
    expect(open.headers['set-cookie']).toBeUndefined()
  })

  test.each([
    ['as strongly', '/strong', { acr: 'urn:strong' }, 'acr_values', 'urn:strong'],
    ['as recently', '/recent', { auth_time: seconds() }, 'max_age', '60'],
  ])(
    'but not %s as %s demands signs in again and gets in',
    async (_t, path, claims, name, value) => {
      const long = { auth_time: seconds() - 3600 }
      const { agent, provider, url } = await start({ idToken: withClaims(long) })
      await agent.visit(`${url}/signed-in`)
      provider.script({ idToken: withClaims(claims) })
      const refused = await agent.fetch(url + path)
      expect(refused.status).toBe(401)
      expect((await agent.visit(url + path)).json()).toEqual({ at: path })
      expect(provider.authorizations.at(-1)?.get(name)).toBe(value)
    },
  )

  test('whom the provider cannot vouch for as demanded gets a page that says so', async () => {
    const { agent, url } = await start()
    await agent.visit(`${url}/signed-in`)
    const page = await agent.visit(`${url}/strong`)
    expect(page.status).toBe(403)
    expect(page.body).toContain('ERR_AUTHENTICATION_INSUFFICIENT')
    expect((await agent.fetch(`${url}/`)).json()).toEqual({ sub: 'alice' })
  })
})

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

describe('nobody', () => {
  test.each([
    ['a script', { headers: {} }],
    ['an old script', { headers: { 'sec-fetch-mode': '', accept: 'application/json' } }],
    ['a marked script', { headers: { 'x-requested-with': 'XMLHttpRequest' } }],
  ])('who is %s gets 401 with the address to sign in at', async (_title, init) => {
    const { agent, store, url } = await start()
    const refused = await agent.fetch(`${url}/signed-in?a=1`, init)
    expect(refused.status).toBe(401)
    expect(refused.headers['www-authenticate']).toBe(`Session realm="${url}"`)
    expect(refused.json()).toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
      login_url: '/login?return_to=%2Fsigned-in%3Fa%3D1',
    })
    expectPrivate(refused)
    expect(refused.headers['set-cookie']).toBeUndefined()
    expect(Object.keys((store as unknown as { sessions: object }).sessions)).toEqual([])
  })

  test('who is an htmx page is told to load the login as a whole page', async () => {
    const { agent, url } = await start()
    const refused = await agent.fetch(`${url}/signed-in`, { headers: { 'hx-request': 'true' } })
    expect(refused.status).toBe(401)
    expect(refused.headers['hx-redirect']).toBe('/login?return_to=%2Fsigned-in')
  })

  test('who sends a form gets a page whose link leads back to the page of the form', async () => {
    const { agent, url } = await start()
    const page = await agent.post(
      `${url}/signed-in`,
      { title: 'Lake' },
      { headers: { referer: `${url}/public?page=3` } },
    )
    expect(page.status).toBe(401)
    expect(page.headers['content-type']).toMatch('text/html')
    expect(page.body).toContain('<h1>Please sign in</h1>')
    const link = /<a class="button" href="(\/login[^"]+)">Sign in<\/a>/.exec(page.body)?.[1] ?? ''
    const back = await agent.click(page, link)
    expect(back.url.href).toBe(`${url}/public?page=3`)
    expect(back.json()).toEqual({ for: 'everybody' })
  })

  test.each(['https://evil.example/', 'about:blank', undefined])(
    'who sends a form from %s is led to the front page',
    async (referer) => {
      const { agent, url } = await start()
      const headers = { referer: referer ?? '' }
      const page = await agent.post(`${url}/signed-in`, {}, { headers })
      expect(page.body).toContain('href="/login?return_to=%2F"')
    },
  )

  test.each(['/signed-in', '/scope', '/admin', '/owner', '/strong', '/recent'])(
    'who visits %s is sent to the provider',
    async (path) => {
      const { agent, url } = await start()
      expect(authorized(await agent.visit(url + path))).toBe(true)
    },
  )
})

describe('while nobody can say who is signed in', () => {
  const breakStore = (store: MemoryStore) => {
    store.get = (_id, done) => void setImmediate(() => done(new Error('the store is down')))
  }

  test.each(['visit', 'fetch'] as const)('a %s is 503 and keeps the login', async (how) => {
    const { agent, provider, store, url } = await start()
    await agent.visit(`${url}/signed-in`)
    const get = store.get.bind(store)
    breakStore(store)
    const page = await agent[how](`${url}/signed-in`)
    expect(page.status).toBe(503)
    expect(page.headers['retry-after']).toBe('5')
    expect(page.body).toContain('ERR_SESSION_STORE_UNAVAILABLE')
    expect(page.headers['set-cookie']).toBeUndefined()
    expect(provider.authorizations).toHaveLength(1)
    expect((await agent.visit(`${url}/public`)).json()).toEqual({ for: 'everybody' })

    store.get = get
    expect((await agent.visit(`${url}/signed-in`)).json()).toEqual({ at: '/signed-in' })
  })

  test.each(['/login', '/logout', '/callback?state=x&code=y'])(
    '%s is 503 and not a loop',
    async (path) => {
      const { agent, store, url } = await start()
      await agent.visit(`${url}/signed-in`)
      breakStore(store)
      const page = await agent.visit(url + path)
      expect(page).toMatchObject({ status: 503, hops: { length: 1 } })
      expect(page.headers['set-cookie']).toBeUndefined()
      expectPrivate(page)
    },
  )

  test('a login whose record cannot be stored does not leave for the provider', async () => {
    const { agent, provider, store, url } = await start()
    store.set = (_id, _data, done) => void setImmediate(() => done?.(new Error('read only')))
    const page = await agent.visit(`${url}/login`)
    expect(page.status).toBe(503)
    expect(page.body).toContain('ERR_SESSION_STORE_UNAVAILABLE')
    expect(provider.authorizations).toEqual([])
  })

  test('a store that does not answer is given up after the timeout', async () => {
    const { agent, store, url } = await start()
    store.set = () => {}
    expect((await agent.visit(`${url}/login`)).status).toBe(503)
  })
})

test('without oauth() before it, requireAuth() says what to mount', async () => {
  const { url } = closing(
    await listen(() => {
      const app = express()
      app.get('/photos', requireAuth(), (_req, res) => void res.json({}))
      app.use(errorHandler())
      return app
    }),
  )
  const page = await createUserAgent().visit(`${url}/photos`)
  expect(page.status).toBe(500)
  expect(page.body).toContain('ERR_MIDDLEWARE_MISSING')
  expect(page.body).toContain('app.use(oauth({ ... }))')
})
