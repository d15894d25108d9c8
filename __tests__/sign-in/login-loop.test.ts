import { afterEach, describe, expect, test } from '@jest/globals'
import express from 'express'
import { MemoryStore, type SessionData } from 'express-session'
import { oauth, requireAuth, type RequireAuthOptions } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { listen } from '../support/listen.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { createUserAgent } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

/** Keeps the records of pending logins and no session, as a store does whose writes get lost. */
class ForgetfulStore extends MemoryStore {
  override set(id: string, data: SessionData, done?: (error?: unknown) => void): void {
    if (id.startsWith('oauth-')) super.set(id, data, done)
    else setImmediate(() => done?.())
  }
}

interface LoopOptions {
  readonly store?: MemoryStore
  readonly demand?: RequireAuthOptions
}

async function start({ store = new MemoryStore(), demand = {} }: LoopOptions = {}) {
  const provider = closing(await startScriptedProvider({ authMethod: 'client_secret_post' }))
  const { url } = closing(
    await listen((baseUrl) => {
      const app = express()
      app.use(
        oauth({
          ...provider.registration,
          baseUrl,
          secret: 'the-secret-of-an-app-that-loops-0123456789',
          session: { store },
          logout: { provider: false },
        }),
      )
      app.get('/', (req, res) => void res.json({ sub: req.auth?.user.sub ?? null }))
      app.get('/photos', requireAuth(demand), (_req, res) => void res.json({ ok: true }))
      return app
    }),
  )
  provider.registerApp(url)
  return { agent: createUserAgent(), provider, url }
}

describe('a login that leads to a login', () => {
  test('is stopped when the session is lost every time, and the page says what to look at', async () => {
    const { agent, provider, url } = await start({ store: new ForgetfulStore() })
    const page = await agent.visit(`${url}/photos`)
    expect(page.status).toBe(400)
    expect(page.body).toContain('ERR_LOGIN_LOOP')
    expect(page.body).toContain('does not keep the session cookie')
    expect(provider.authorizations).toHaveLength(4)
  })

  test('is stopped when the page demands what no login brings', async () => {
    const { agent, url } = await start({ demand: { provider: 'https://another.example' } })
    const page = await agent.visit(`${url}/photos`)
    expect(page.status).toBe(400)
    expect(page.body).toContain('ERR_LOGIN_LOOP')
    expect((await agent.fetch(`${url}/`)).json()).toEqual({ sub: 'alice' })
  })

  test('may be tried again after a minute', async () => {
    const store = new ForgetfulStore()
    const { agent, provider, url } = await start({ store })
    await agent.visit(`${url}/photos`)
    advanceClock(61_000)
    const page = await agent.visit(`${url}/photos`)
    expect(page.body).toContain('ERR_LOGIN_LOOP')
    expect(provider.authorizations).toHaveLength(8)
  })

  test('is something else than signing in and out many times', async () => {
    const { agent, url } = await start()
    for (let round = 0; round < 6; round += 1) {
      expect((await agent.visit(`${url}/photos`)).json()).toEqual({ ok: true })
      expect((await agent.post(`${url}/logout`)).json()).toEqual({ sub: null })
    }
  })
})
