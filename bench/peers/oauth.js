// @ts-check
import express from 'express'
import { oauth, requireAuth } from 'express-oauth-client'

/** @typedef {import('../requests-server.js').PeerOptions} PeerOptions */

/**
 * The package with the session that it mounts itself.
 *
 * @param {PeerOptions} options
 */
export function createApp(options) {
  return withPages(express(), options, { store: options.stores.session })
}

/**
 * @param {express.Express} app
 * @param {PeerOptions} options
 * @param {import('express-oauth-client').OAuthOptions['session']} session
 */
export function withPages(app, { stores, ...options }, session) {
  app.use(oauth({ ...options, tokenStore: stores.token, ...(session && { session }) }))
  app.get('/', (_req, res) => void res.send('Welcome'))
  app.get('/account', requireAuth(), (req, res) => void res.send(`Hello ${req.auth?.user.name}`))
  app.get('/token', requireAuth(), (req, res) => void res.send(shapeOf(req.auth?.accessToken)))
  return app
}

/** @param {string | undefined} token */
const shapeOf = (token = '') => `A token of ${token.length} characters`
