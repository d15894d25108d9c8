import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, test } from '@jest/globals'
import connect from 'connect'
import express from 'express'
import express4 from 'express4'
import {
  eventNames,
  oauth,
  requireAuth,
  type FlowEvent,
  type OAuthError,
  type OAuthOptions,
} from '../../lib/index.ts'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { startJourney, type JourneyOptions } from '../support/journey.ts'
import { listen } from '../support/listen.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { createUserAgent, type Page } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const atCallback = ({ pathname }: URL) => pathname === '/callback'
const start = async (options: JourneyOptions = {}) => closing(await startJourney(options))

function collectEvents() {
  const events: FlowEvent[] = []
  const collect = (event: unknown) => void events.push(event as FlowEvent)
  const channels = eventNames.map((name) => `express-oauth-client:${name}`)
  for (const name of channels) subscribe(name, collect)
  return closing({
    events,
    close: () => channels.forEach((name) => unsubscribe(name, collect)),
  })
}

const referenceOn = ({ body }: Page) => /reference <code>([^<]+)<\/code>/.exec(body)?.[1]

/** A page for people: a title, a sentence, a way on, and nothing that a cache may keep. */
function expectPage(page: Page, status: number, code: string, title: string): void {
  expect(page.status).toBe(status)
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(page.headers['cache-control']).toBe('private, no-store')
  expect(page.headers['content-security-policy']).toContain("default-src 'none'")
  expect(page.headers['x-content-type-options']).toBe('nosniff')
  expect(page.body).toContain(`<h1>${title}</h1>`)
  expect(page.body).toContain(`<code>${code}</code>`)
  expect(page.body).toContain('<html lang="en">')
}

const tryAgain = /<a class="button" href="(\/login[^"]*)">Try again<\/a>/

describe('the page for', () => {
  test('a cancelled sign-in says that nothing has changed and offers another try', async () => {
    const journey = await start()
    journey.provider.deny()
    const page = await journey.visit('/photos')
    expectPage(page, 403, 'ERR_LOGIN_CANCELLED', 'Sign-in cancelled')
    journey.provider.signIn('alice')
    const link = tryAgain.exec(page.body)?.[1] ?? ''
    const again = await journey.agent.click(page, link)
    expect(again.json()).toMatchObject({ sub: 'alice' })
  })

  test('a provider that is down says so, when to come back, and keeps the way', async () => {
    const journey = await start()
    await journey.provider.stop()
    const page = await journey.visit('/photos?album=7')
    expectPage(page, 503, 'ERR_PROVIDER_UNAVAILABLE', 'Not available at the moment')
    expect(page.headers['retry-after']).toBe('5')
    expect(page.body).toContain('ECONNREFUSED')
    await journey.provider.start()
    const again = await journey.agent.click(page, tryAgain.exec(page.body)?.[1] ?? '')
    expect(again.json()).toEqual({ owner: 'alice', at: '/photos?album=7' })
  })

  test('a provider that is too slow says so', async () => {
    const journey = await start({ config: { timeout: 0.3 } })
    const hold = journey.provider.holdTokens()
    const page = await journey.visit('/photos')
    expectPage(page, 504, 'ERR_PROVIDER_TIMEOUT', 'The sign-in service is too slow')
    expect(page.body).toMatch(tryAgain)
    hold.release()
  })

  test('an expired login says how long it may take', async () => {
    const journey = await start()
    const stopped = await journey.agent.visit(`${journey.app.url}/photos`, {
      stopBefore: atCallback,
    })
    advanceClock(20 * 60_000)
    await journey.agent.visit(stopped.pending?.url ?? '', { stopBefore: atCallback })
    const page = await journey.agent.resume(stopped)
    expectPage(page, 400, 'ERR_TRANSACTION_EXPIRED', 'The sign-in could not be finished')
    expect(page.body).toContain('expired 5 min ago; a login may take 15 min')
    expect(page.body).toMatch(tryAgain)
  })

  test('a failing provider says that it was the provider', async () => {
    const journey = await start()
    journey.provider.front.faults.add(
      { path: '/token' },
      { kind: 'answer', answer: { status: 500, body: '<h1>Oops</h1>' } },
    )
    const page = await journey.visit('/photos')
    expectPage(page, 502, 'ERR_PROVIDER_FAILED', 'The sign-in service failed')
    expect(page.body).not.toContain('Oops')
  })
})

describe('a client secret that the provider refuses', () => {
  async function refusedWith(clientSecret: string, config: OAuthOptions = {}) {
    const journey = await start({ config: { clientSecret, ...config } })
    const page = await journey.visit('/photos')
    return { page, detail: (journey.app.errors[0] as OAuthError).detail ?? '' }
  }

  test('is the operator’s fault: the page says which way was used and what is offered', async () => {
    const { page, detail } = await refusedWith('a-wrong-secret-of-some-length')
    expectPage(page, 500, 'ERR_CLIENT_REJECTED', 'This site needs its operator')
    expect(detail).toMatch('client authentication used: client_secret_')
    expect(detail).toMatch(
      /offered by the provider: [^;]*client_secret_basic[^;]*client_secret_post/,
    )
    expect(detail + page.body).not.toContain('a-wrong-secret')
  })

  test('names the way that was configured', async () => {
    const { detail } = await refusedWith('a-wrong-secret-of-some-length', {
      tokenEndpointAuthMethod: 'client_secret_post',
    })
    expect(detail).toMatch('client authentication used: client_secret_post')
  })

  test.each([
    ['the id of a secret', '0f8fad5b-d9cb-469f-a165-70867728950e', 'copied instead of its value'],
  ])('that looks like %s gets a hint, not its value', async (_title, secret, hint) => {
    const { page, detail } = await refusedWith(secret)
    expect(detail).toMatch(hint)
    expect(detail + page.body).not.toContain(secret)
  })

  test('that has a line end from a file gets a hint', async () => {
    const { detail } = await refusedWith('', {
      clientSecret: () => 'photo-editor-secret-of-40-characters-long\n',
    })
    expect(detail).toMatch('begins or ends with white space')
  })
})

describe('what the page tells a developer', () => {
  const unknownState = async () => {
    const { agent, app } = await start()
    return agent.visit(`${app.url}/callback?code=x&state=y`)
  }

  test('is the cause that can be seen, and where to read on', async () => {
    const { body } = await unknownState()
    expect(body).toContain('For the developer:')
    expect(body).toContain('<code>docs/errors.md#err_state_unknown</code>')
    expect(body).toContain('<code>docs/troubleshooting.md</code>')
  })

  test('is not for the visitors of a site in production', async () => {
    const { NODE_ENV } = process.env
    process.env['NODE_ENV'] = 'production'
    try {
      const { body } = await unknownState()
      expect(body).toContain('ERR_STATE_UNKNOWN')
      expect(body).not.toMatch(/developer|docs\/|cookie/)
    } finally {
      process.env['NODE_ENV'] = NODE_ENV
    }
  })
})

describe('the reference on the page', () => {
  test.each([
    ['a cancelled sign-in', 'ERR_LOGIN_CANCELLED', 'login.failed'],
    ['an unknown state', 'ERR_STATE_UNKNOWN', 'login.failed'],
    ['a posted logout of another site', 'ERR_CROSS_SITE', 'logout.failed'],
    ['a page of a site whose store is down', 'ERR_SESSION_STORE_UNAVAILABLE', 'guard.refused'],
  ])('of %s is in the error and in the events', async (_title, code, name) => {
    const { events } = collectEvents()
    const journey = await start()
    const { agent, app, provider } = journey
    const actions: Record<string, () => Promise<Page>> = {
      ERR_LOGIN_CANCELLED: () => {
        provider.deny()
        return agent.visit(`${app.url}/photos`)
      },
      ERR_STATE_UNKNOWN: () => agent.visit(`${app.url}/callback?code=x&state=y`),
      ERR_CROSS_SITE: () => agent.post(`${app.url}/logout`, {}, { from: 'https://evil.example' }),
      async ERR_SESSION_STORE_UNAVAILABLE() {
        await agent.visit(`${app.url}/photos`)
        app.store.get = (_id, done) => void setImmediate(() => done(new Error('down')))
        return agent.visit(`${app.url}/photos`)
      },
    }
    const page = await actions[code]?.()
    const reference = page && referenceOn(page)
    expect(reference).toMatch(/^[\w-]{12}$/)
    expect(app.errors.at(-1)).toMatchObject({ code, flow: reference })
    expect(events).toContainEqual(expect.objectContaining({ name, flow: reference, error: code }))
  })

  test('is in the answer for a script too', async () => {
    const journey = await start()
    const answer = await journey.agent.fetch(`${journey.app.url}/callback?code=x&state=y`)
    const { flow } = journey.app.errors.at(-1) as OAuthError
    expect(answer.json()).toMatchObject({
      type: 'urn:express-oauth-client:ERR_STATE_UNKNOWN',
      instance: `urn:express-oauth-client:flow:${flow}`,
    })
  })
})

describe.each(hostKinds)('what the provider says, on %s', (host) => {
  test('is no markup on the page', async () => {
    const journey = await start({ host })
    const stopped = await journey.agent.visit(`${journey.app.url}/photos`, {
      stopBefore: atCallback,
    })
    const url = new URL(stopped.pending?.url ?? '')
    url.searchParams.delete('code')
    url.searchParams.set('error', 'odd<script>alert(1)</script>')
    url.searchParams.set('error_description', '"><img src=x onerror=alert(1)> <%= 7*7 %> {{7*7}}')
    const page = await journey.agent.visit(url)
    expect(page.status).toBe(403)
    expect(page.body).not.toMatch(/<script|<img/)
    expect(page.body).not.toContain('49')
  })
})

/** Who answers an unknown state, which needs neither provider nor session. */
async function answeredBy(
  build: (options: OAuthOptions) => Parameters<typeof listen>[0],
): Promise<{ by: string; page: Page }> {
  const provider = closing(await startScriptedProvider())
  const { url } = closing(
    await listen((baseUrl) =>
      build({
        ...provider.registration,
        baseUrl,
        secret: 'the-secret-of-an-app-with-its-own-pages-0123456789',
      })(baseUrl),
    ),
  )
  const page = await createUserAgent().visit(`${url}/callback?code=x&state=y`)
  const by = page.body.includes('<h1>The sign-in could not be finished</h1>')
    ? 'default'
    : page.body.startsWith('own page')
      ? 'app'
      : page.body
  return { by, page }
}

const ownPage: express.ErrorRequestHandler = (error, _req, res, _next) => {
  const { code, status } = error as OAuthError
  res.statusCode = status
  res.end(`own page: ${code}`)
}

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('on %s', (_title, create) => {
  test('the default page is shown where the app has no error handler', async () => {
    const { by, page } = await answeredBy((options) => () => {
      const app = create()
      app.use(oauth(options))
      return app
    })
    expect({ by, status: page.status }).toEqual({ by: 'default', status: 400 })
  })

  test('an error handler of the app replaces the pages', async () => {
    const { by, page } = await answeredBy((options) => () => {
      const app = create()
      app.use(oauth(options))
      app.use(ownPage)
      return app
    })
    expect({ by, status: page.status }).toEqual({ by: 'app', status: 400 })
  })

  test('an error handler of the app that this app is mounted in replaces the pages', async () => {
    const { by } = await answeredBy((options) => () => {
      const outer = create()
      const inner = create()
      inner.use(oauth(options))
      outer.use(inner)
      outer.use(ownPage)
      return outer
    })
    expect(by).toBe('app')
  })

  test('an error handler of a router that has nothing to do with it replaces nothing', async () => {
    const { by } = await answeredBy((options) => () => {
      const app = create()
      const api = create.Router()
      api.use(ownPage)
      app.use(oauth(options))
      app.use('/api', api)
      return app
    })
    expect(by).toBe('default')
  })

  test('the guard of a router goes to the error handler of that router', async () => {
    const { page } = await answeredBy((options) => () => {
      const app = create()
      const api = create.Router()
      api.get('/photos', requireAuth())
      api.use(ownPage)
      app.use(oauth(options))
      app.use('/api', api)
      return app
    })
    const answer = await createUserAgent().fetch(new URL('/api/photos', page.url))
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 401,
      body: 'own page: ERR_LOGIN_REQUIRED',
    })
  })

  test('oauth() in a router goes to the error handler of that router', async () => {
    const { by } = await answeredBy((options) => () => {
      const app = create()
      const router = create.Router()
      router.use(oauth(options))
      router.use(ownPage)
      app.use(router)
      return app
    })
    expect(by).toBe('app')
  })

  test('onError answers before everybody else, with its own status', async () => {
    const { by, page } = await answeredBy((options) => () => {
      const app = create()
      app.use(
        oauth({
          ...options,
          onError: ({ code }, _req, res) => {
            res.statusCode = 418
            res.end(`own page: ${code}`)
          },
        }),
      )
      app.use(
        ((_error, _req, res, _next) => void res.end('too late')) as express.ErrorRequestHandler,
      )
      return app
    })
    expect({ by, status: page.status, body: page.body }).toEqual({
      by: 'app',
      status: 418,
      body: 'own page: ERR_STATE_UNKNOWN',
    })
  })

  test('onError that only takes a note leaves the default page', async () => {
    const notes: string[] = []
    const { by } = await answeredBy((options) => () => {
      const app = create()
      app.use(
        oauth({
          ...options,
          async onError({ code }) {
            await Promise.resolve()
            notes.push(code)
          },
        }),
      )
      return app
    })
    expect({ by, notes }).toEqual({ by: 'default', notes: ['ERR_STATE_UNKNOWN'] })
  })

  test('onError that fails goes to the app’s error handler and harms nothing', async () => {
    const { page } = await answeredBy((options) => () => {
      const app = create()
      app.use(
        oauth({
          ...options,
          onError() {
            throw new Error('the page could not be drawn')
          },
        }),
      )
      app.use(((error, _req, res, _next) => {
        res.statusCode = 500
        res.end(`own page: ${(error as Error).message}`)
      }) as express.ErrorRequestHandler)
      return app
    })
    expect(page.body).toBe('own page: the page could not be drawn')
  })
})

test('on Connect the error goes to next, where the app answers', async () => {
  const { by, page } = await answeredBy((options) => () => {
    const app = connect()
    app.use(oauth(options))
    app.use(ownPage as unknown as connect.ErrorHandleFunction)
    return app
  })
  expect({ by, status: page.status }).toEqual({ by: 'app', status: 400 })
})

test('on plain http the error is handed to the callback', async () => {
  const { by } = await answeredBy((options) => {
    const middleware = oauth(options)
    return () => (req, res) =>
      middleware(req, res, (error) => void res.end(`own page: ${(error as OAuthError).code}`))
  })
  expect(by).toBe('app')
})
