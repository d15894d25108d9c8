// @ts-check
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import * as oidc from 'openid-client'
import { Strategy } from 'openid-client/passport'

/**
 * @typedef {object} User
 * @property {string} sub
 * @property {string} accessToken
 * @property {string} refreshToken
 * @property {number} expiresAt
 */

/** @type {express.ErrorRequestHandler} */
const quietFailure = (_error, _req, res, _next) => void res.sendStatus(500)

/** @param {import('../herd-app.js').HerdOptions} options */
export async function createApp(options) {
  const { issuer, clientId, clientSecret, baseUrl, client, modules, prefix } = options
  const passport = (await import(modules['passport'] ?? '')).default
  const config = await oidc.discovery(new URL(issuer), clientId, clientSecret, undefined, {
    // oxlint-disable-next-line typescript/no-deprecated -- the provider is on loopback
    execute: [oidc.allowInsecureRequests],
  })
  passport.use(
    'provider',
    new Strategy(
      { config, scope: 'openid profile email', callbackURL: `${baseUrl}/callback` },
      (tokens, done) => done(null, userOf(tokens, tokens.claims()?.sub)),
    ),
  )
  /** @type {(user: unknown, done: (error: null, user: unknown) => void) => void} */
  const asIs = (user, done) => done(null, user)
  passport.serializeUser(asIs)
  passport.deserializeUser(asIs)

  const app = express()
  app.use(
    session({
      store: new RedisStore({ client, prefix }),
      secret: 'a-secret-that-is-good-for-measuring-only',
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 7 * 86_400_000 },
    }),
    passport.authenticate('session'),
  )
  app.get('/', (_req, res) => void res.send('Welcome'))
  app.get('/login', passport.authenticate('provider'))
  app.get('/callback', passport.authenticate('provider', { successRedirect: '/' }))
  app.get('/token', (req, res, next) => {
    tokenOf(/** @type {any} */ (req), config).then((token) => {
      if (token) res.send(token)
      else res.sendStatus(401)
    }, next)
  })
  app.use(quietFailure)
  return app
}

/**
 * @param {oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers} tokens
 * @param {string | undefined} sub
 * @returns {User}
 */
const userOf = (tokens, sub = '') => ({
  sub,
  accessToken: tokens.access_token,
  refreshToken: tokens.refresh_token ?? '',
  expiresAt: Date.now() + (tokens.expiresIn() ?? 0) * 1000,
})

/**
 * @param {{ user?: User, session: { passport: { user: User } } }} req
 * @param {oidc.Configuration} config
 */
async function tokenOf({ session: kept, user }, config) {
  if (!user || user.expiresAt > Date.now()) return user?.accessToken
  const tokens = await oidc.refreshTokenGrant(config, user.refreshToken)
  kept.passport.user = userOf(tokens, user.sub)
  return tokens.access_token
}
