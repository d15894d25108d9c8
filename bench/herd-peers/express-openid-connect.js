// @ts-check
import { RedisStore } from 'connect-redis'
import express from 'express'

/** @type {express.ErrorRequestHandler} */
const quietFailure = (_error, _req, res, _next) => void res.sendStatus(500)

/** @param {import('../herd-app.js').HerdOptions} options */
export async function createApp(options) {
  const { issuer, clientId, clientSecret, baseUrl, client, modules, prefix } = options
  const { auth } = (await import(modules['express-openid-connect'] ?? '')).default
  const app = express()
  app.use(
    auth({
      issuerBaseURL: issuer,
      baseURL: baseUrl,
      clientID: clientId,
      clientSecret,
      secret: 'a-secret-that-is-good-for-measuring-only',
      authRequired: false,
      authorizationParams: {
        response_type: 'code',
        response_mode: 'query',
        scope: 'openid profile email',
      },
      session: { store: new RedisStore({ client, prefix }) },
    }),
  )
  app.get('/', (_req, res) => void res.send('Welcome'))
  app.get('/token', (req, res, next) => {
    tokenOf(/** @type {any} */ (req)).then((token) => {
      if (token) res.send(token)
      else res.sendStatus(401)
    }, next)
  })
  app.use(quietFailure)
  return app
}

/** @param {any} req */
async function tokenOf({ oidc }) {
  if (!oidc.isAuthenticated()) return undefined
  const { access_token: accessToken, isExpired, refresh } = oidc.accessToken
  return isExpired() ? (await refresh()).access_token : accessToken
}
