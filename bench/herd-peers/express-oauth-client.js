// @ts-check
import { RedisStore } from 'connect-redis'
import express from 'express'
import { errorHandler, oauth, requireAuth } from 'express-oauth-client'

/** @param {import('../herd-app.js').HerdOptions} options */
export function createApp({ issuer, clientId, clientSecret, baseUrl, client, prefix }) {
  const app = express()
  app.use(
    oauth({
      issuer,
      clientId,
      clientSecret,
      baseUrl,
      secret: 'a-secret-that-is-good-for-measuring-only',
      session: { store: new RedisStore({ client, prefix }) },
    }),
  )
  app.get('/', (_req, res) => void res.send('Welcome'))
  app.get('/token', requireAuth({ accessToken: true }), (req, res) => {
    res.send(req.auth?.accessToken)
  })
  app.use(errorHandler())
  return app
}
