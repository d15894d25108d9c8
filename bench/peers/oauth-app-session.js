// @ts-check
import express from 'express'
import session from 'express-session'
import { withPages } from './oauth.js'
import { sessionOptions } from './session-options.js'

/**
 * The package behind the app's own express-session.
 *
 * @param {import('../requests-server.js').PeerOptions} options
 */
export function createApp(options) {
  const app = express()
  app.use(session(sessionOptions(options)))
  return withPages(app, options, undefined)
}
