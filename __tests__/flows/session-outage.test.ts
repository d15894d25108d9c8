import { describe, expect, test } from '@jest/globals'
import express, { type ErrorRequestHandler } from 'express'
import session from 'express-session'
import { errorHandler, oauth } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { listen } from '../support/listen.ts'
import { unreliableSessionStore } from '../support/unreliable.ts'
import { createUserAgent } from '../support/user-agent.ts'

const closing = closeAfterEach()

const answerOthers: ErrorRequestHandler = (error, _req, res, _next) => {
  res.status(500).json({ others: String(error) })
}

/** A visitor with a session that the app keeps in a store of its own. */
async function start() {
  const sessions = unreliableSessionStore()
  const { url } = closing(
    await listen((baseUrl) => {
      const app = express()
      app.get('/early', (_req, _res, next) => next(new Error('before any session')))
      app.use(
        session({
          store: sessions.store,
          secret: 'the-secret-of-the-apps-own-session-cookie',
          resave: false,
          saveUninitialized: false,
        }),
      )
      app.get('/gone', (req, _res, next) => {
        req.session.destroy(() => next(new Error('without its session')))
      })
      app.use('/refused', (req, _res, next) => {
        const refused = Object.assign(new Error('no session for you'), { status: 418 })
        req.session.destroy(() => next(refused))
      })
      app.get('/late', (_req, _res, next) => next(new Error('with a session')))
      app.use(
        oauth({
          issuer: baseUrl,
          clientId: 'photo-editor',
          clientSecret: 'the-client-secret',
          baseUrl,
          secret: 'the-secret-of-an-app-with-its-own-store-0123456789',
        }),
      )
      app.get('/destroyed', (req, _res, next) => {
        req.session.destroy(() => next(new Error('without its session')))
      })
      app.get('/', (req, res) => void res.json({ cart: (req.session.cart ??= ['frame']) }))
      app.use(errorHandler(), answerOthers)
      return app
    }),
  )
  const agent = createUserAgent()
  await agent.visit(`${url}/`)
  return { agent, sessions, url }
}

describe('while the store of the app’s own session is away', () => {
  test('errorHandler() makes a 503 of it, for programs and for people', async () => {
    const { agent, sessions, url } = await start()
    sessions.mood = 'failing'
    const answer = await agent.fetch(`${url}/`)
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBe('5')
    expect(answer.json()).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' })
    const page = await agent.visit(`${url}/`)
    expect(page.status).toBe(503)
    expect(page.body).toContain('You have not been signed out')

    sessions.mood = 'well'
    expect((await agent.fetch(`${url}/`)).json()).toEqual({ cart: ['frame'] })
  })

  test.each(['/early', '/late', '/gone', '/refused', '/destroyed'])(
    'what others report at %s is left to others',
    async (path) => {
      const { agent, url } = await start()
      const answer = await agent.fetch(`${url}${path}`)
      expect(answer.json()).toMatchObject({ others: expect.stringContaining('session') })
    },
  )
})
