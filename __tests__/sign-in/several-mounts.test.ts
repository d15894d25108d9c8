import { afterEach, expect, test } from '@jest/globals'
import express from 'express'
import session from 'express-session'
import { oauth, requireAuth } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { listen } from '../support/listen.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { unreliableTokenStore } from '../support/unreliable.ts'
import { createUserAgent } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const secret = 'the-secret-of-an-app-with-its-own-store-0123456789'
const startProvider = async () =>
  closing(
    await startScriptedProvider({
      authMethod: 'client_secret_post',
      refresh: true,
      scenario: { tokens: (body) => ({ ...body, expires_in: 300 }) },
    }),
  )
type Provider = Awaited<ReturnType<typeof startProvider>>

/** A site and its `/admin`, each with an `oauth()` of its own. */
async function start(
  site: Provider,
  admin: Provider,
  order: 'site first' | 'admin first',
  own: boolean,
) {
  const { url } = closing(
    await listen((baseUrl) => {
      const at = ({ registration }: Provider, path = '') =>
        oauth({ ...registration, secret, baseUrl: baseUrl + path })
      const app = express()
      if (!own) app.use(session({ secret, resave: false, saveUninitialized: false }))
      const inner = express()
      inner.use(at(admin, '/admin'))
      inner.get('/open', (req, res) => void res.json({ sub: req.auth?.user.sub ?? null }))
      inner.get('/', requireAuth(), (req, res) => void res.json({ sub: req.auth?.user.sub }))
      if (order === 'admin first') app.use('/admin', inner)
      app.use(at(site))
      if (order === 'site first') app.use('/admin', inner)
      app.get('/account', requireAuth(), (req, res) => void res.json({ sub: req.auth?.user.sub }))
      return app
    }),
  )
  site.registerApp(url)
  return url
}

test('an oauth() below another one sees the login of that one', async () => {
  const provider = await startProvider()
  const url = await start(provider, provider, 'site first', true)
  const agent = createUserAgent()
  await agent.visit(`${url}/account`)
  expect((await agent.fetch(`${url}/admin/`)).json()).toEqual({ sub: 'alice' })
})

test('a login at one provider is none at the oauth() of another', async () => {
  const customers = await startProvider()
  const staff = await startProvider()
  const url = await start(customers, staff, 'admin first', false)
  const agent = createUserAgent()
  await agent.visit(`${url}/account`)
  expect((await agent.fetch(`${url}/admin/`)).status).toBe(401)
})

test('no refresh token goes to another provider than its own', async () => {
  const customers = await startProvider()
  const staff = await startProvider()
  const url = await start(customers, staff, 'admin first', false)
  const agent = createUserAgent()
  await agent.visit(`${url}/account`)
  advanceClock(310_000)
  await agent.fetch(`${url}/admin/`)
  expect(staff.front.count('/token')).toBe(0)
  expect((await agent.fetch(`${url}/account`)).status).toBe(200)
})

test('below another one that knows somebody, req.auth is whom the oauth() of the page knows', async () => {
  const customers = await startProvider()
  const staff = await startProvider()
  const url = await start(customers, staff, 'site first', true)
  const agent = createUserAgent()
  await agent.visit(`${url}/account`)
  expect((await agent.fetch(`${url}/admin/open`)).json()).toEqual({ sub: null })
  expect((await agent.fetch(`${url}/account`)).json()).toEqual({ sub: 'alice' })
})

test('of two side by side the one counts that knows somebody, and each is its own', async () => {
  const [customers, staff] = [await startProvider(), await startProvider()]
  const tokens = unreliableTokenStore()
  const { url } = closing(
    await listen((baseUrl) => {
      const routes = { login: '/b/login', callback: '/b/callback', logout: '/b/logout' }
      const shared = { baseUrl, secret, tokenStore: tokens.store }
      const app = express()
      app.use(session({ secret, resave: false, saveUninitialized: false }))
      app.use(oauth({ ...customers.registration, ...shared }))
      app.use(oauth({ ...staff.registration, ...shared, routes }))
      app.get('/who', (req, res) => void res.json({ at: req.auth?.provider ?? null }))
      app.get('/staff', requireAuth({ provider: staff.issuer }), (_req, res) => void res.json({}))
      return app
    }),
  )
  customers.registerApp(url)
  staff.registerApp(`${url}/b`)
  const agent = createUserAgent()
  await agent.visit(`${url}/login?return_to=/who`)
  expect((await agent.fetch(`${url}/who`)).json()).toEqual({ at: customers.issuer })
  expect((await agent.fetch(`${url}/staff`)).status).toBe(401)

  await agent.visit(`${url}/b/login?return_to=/who`)
  expect((await agent.fetch(`${url}/who`)).json()).toEqual({ at: staff.issuer })
  expect((await agent.fetch(`${url}/staff`)).status).toBe(200)
  const [first = '', second = ''] = tokens.created
  expect(await tokens.store.read(first)).toBeUndefined()
  expect(await tokens.store.read(second)).toBeDefined()
})
