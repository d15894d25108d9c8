// @ts-check
import express from 'express'
import session from 'express-session'
import * as client from 'openid-client'
import { sessionOptions } from './session-options.js'

/**
 * Express and express-session with the tokens in the session, and openid-client used by hand: PKCE,
 * state, nonce and the ID token's signature are checked, nothing is refreshed.
 *
 * @param {import('../requests-server.js').PeerOptions} options
 */
export async function createApp(options) {
  const { issuer, clientId, clientSecret, baseUrl } = options
  const configuration = await client.discovery(
    new URL(issuer),
    clientId,
    clientSecret,
    undefined,
    // oxlint-disable-next-line typescript/no-deprecated -- the provider is on loopback
    { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
  )
  const redirectUri = `${baseUrl}/callback`

  const app = express()
  app.use(session(sessionOptions(options)))
  app.get('/', (_req, res) => void res.send('Welcome'))
  app.get('/account', requireLogin, (req, res) => {
    res.send(`Hello ${String(loginOf(req)?.user['name'])}`)
  })
  app.get('/token', requireLogin, (req, res) => {
    const login = loginOf(req)
    const token = login && login.expiresAt > Date.now() ? login.accessToken : ''
    res.send(`A token of ${token.length} characters`)
  })

  app.get('/login', async (req, res) => {
    const pending = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      codeVerifier: client.randomPKCECodeVerifier(),
    }
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: 'openid profile email',
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(pending.codeVerifier),
      code_challenge_method: 'S256',
    })
    contentOf(req).pending = pending
    await called((done) => req.session.save(done))
    res.redirect(url.href)
  })

  app.get('/callback', async (req, res) => {
    const { pending } = contentOf(req)
    if (!pending) return void res.status(400).send('No login is pending')
    const tokens = await client.authorizationCodeGrant(
      configuration,
      new URL(req.originalUrl, baseUrl),
      {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.codeVerifier,
        idTokenExpected: true,
      },
    )
    await called((done) => req.session.regenerate(done))
    const claims = tokens.claims()
    if (!claims) throw new Error('the provider sent no ID token')
    const { sub, name, email, sid } = claims
    contentOf(req).login = {
      user: { sub, name, email, sid },
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token,
      idToken: tokens.id_token,
      scope: tokens.scope,
      expiresAt: Date.now() + (tokens.expiresIn() ?? 0) * 1000,
    }
    await called((done) => req.session.save(done))
    res.redirect('/')
  })
  return app
}

/**
 * @typedef {object} Content
 * @property {{ state: string, nonce: string, codeVerifier: string }} [pending]
 * @property {{
 *   user: Record<string, unknown>,
 *   accessToken: string,
 *   refreshToken: string | undefined,
 *   idToken: string | undefined,
 *   scope: string | undefined,
 *   expiresAt: number,
 * }} [login]
 */

/** @param {express.Request} req */
const contentOf = (req) => /** @type {Content} */ (/** @type {unknown} */ (req.session))

/** @param {express.Request} req */
const loginOf = (req) => contentOf(req).login

/**
 * @param {express.Request} req
 * @param {express.Response} res
 * @param {express.NextFunction} next
 */
function requireLogin(req, res, next) {
  if (loginOf(req)) next()
  else res.redirect('/login')
}

/** @param {(done: (error?: unknown) => void) => void} run */
function called(run) {
  return new Promise((resolve, reject) => {
    run((error) => {
      if (error) reject(new Error('the session store has failed', { cause: error }))
      else resolve(undefined)
    })
  })
}
