// @ts-check
import express from 'express'
import { oauth, requireAuth } from 'express-oauth-client'

/** @param {import('../requests-server.js').PeerOptions} options */
export function createApp({ issuer, clientId, clientSecret, baseUrl, secret, stores }) {
  const app = express()
  app.use(
    oauth({
      issuer,
      clientId,
      clientSecret,
      baseUrl,
      secret,
      session: { store: stores.session },
      tokenStore: stores.token,
    }),
  )
  app.get('/', (_req, res) => void res.send('Welcome'))
  app.get('/account', requireAuth(), (req, res) => void res.send(`Hello ${req.auth?.user.name}`))
  app.get('/token', requireAuth(), (req, res) => void res.send(shapeOf(req.auth?.accessToken)))
  return app
}

/** @param {string | undefined} token */
const shapeOf = (token = '') => `A token of ${token.length} characters`
