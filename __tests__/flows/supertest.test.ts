import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import express from 'express'
import request from 'supertest'
import { oauth, requireAuth } from '../../lib/index.ts'
import { startProvider } from '../support/real-provider.ts'

const baseUrl = 'http://localhost:4000'
type Provider = Awaited<ReturnType<typeof startProvider>>

describe('an app under supertest', () => {
  let provider: Provider
  let app: express.Express

  beforeAll(async () => {
    provider = await startProvider()
    const { clientId, clientSecret, issuer } = provider
    app = express()
    app.use(oauth({ issuer, clientId, clientSecret, baseUrl, secret: 's'.repeat(32) }))
    app.get('/', (req, res) => void res.json({ name: req.auth?.user.name ?? null }))
    app.get('/photos', requireAuth(), (req, res) => void res.json({ sub: req.auth?.user.sub }))
  })
  afterAll(() => provider.close())

  test('serves public pages without a session cookie', async () => {
    const answer = await request(app).get('/').expect(200, { name: null })
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  test('sends a page view to the provider, with PKCE, state and nonce', async () => {
    const answer = await request(app).get('/photos').set('Accept', 'text/html').expect(303)
    const location = new URL(answer.headers['location'] ?? '')
    expect(location.origin).toBe(new URL(provider.issuer).origin)
    expect(Object.fromEntries(location.searchParams)).toMatchObject({
      response_type: 'code',
      redirect_uri: `${baseUrl}/callback`,
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    })
  })

  test('answers a script with 401 problem+json that names the way to sign in', async () => {
    const answer = await request(app).get('/photos?album=7').expect(401)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.body).toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
      login_url: '/login?return_to=%2Fphotos%3Falbum%3D7',
    })
  })

  test('refuses a callback that no login belongs to', async () => {
    const answer = await request(app).get('/callback?code=x&state=y').set('Accept', 'text/html')
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('ERR_STATE_UNKNOWN')
  })
})
