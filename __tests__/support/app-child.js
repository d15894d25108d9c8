// @ts-check
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import process from 'node:process'
import express from 'express'
import { errorHandler, oauth, requireAuth } from 'express-oauth-client'

/** @typedef {import('./app-process.ts').AppProcessOptions} AppProcessOptions */
/** @typedef {import('./app-process.ts').ToApp} ToApp */

/** @param {unknown} message */
const tell = (message) => process.send?.(message)

channel('express-oauth-client:warning').subscribe((event) => {
  const { facts } = /** @type {{ facts: { warning: string } }} */ (event)
  tell({ kind: 'warning', code: facts.warning })
})

/** @type {express.Express | undefined} */
let app
/** @type {express.RequestHandler} */
const listener = (req, res, next) => {
  if (app) app(req, res, next)
  else res.writeHead(503).end()
}

/** @type {express.ErrorRequestHandler} */
const reportUnexpected = (error, _req, res, _next) => {
  const stack = error instanceof Error ? error.stack : String(error)
  tell({ kind: 'failed', reason: stack })
  if (!res.headersSent) res.status(500)
  res.end('unexpected')
}

/** @param {AppProcessOptions} options */
function createApp({ config, trustProxy }) {
  const created = express()
  if (trustProxy) created.set('trust proxy', 1)
  created.use(oauth(config))
  created.get('/', (req, res) => res.json({ sub: req.auth?.user.sub ?? null }))
  created.get('/photos', requireAuth(), (req, res) =>
    res.json({ owner: req.auth?.user.sub, at: req.originalUrl }),
  )
  created.get('/cart', (req, res) => {
    const session = /** @type {{ cart?: unknown[] }} */ (/** @type {unknown} */ (req.session))
    if (req.query.item) session.cart = [...(session.cart ?? []), req.query.item]
    res.json({ cart: session.cart ?? [] })
  })
  created.use(errorHandler())
  created.use(reportUnexpected)
  return created
}

/** @param {AppProcessOptions['tls']} tls */
async function listen(tls) {
  const server = tls
    ? createSecureServer(tls, /** @type {any} */ (listener))
    : createServer(/** @type {any} */ (listener))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port
}

/** @returns {number} */
function heapInUse() {
  // Twice, because the first run only marks what has finalisers.
  for (let run = 0; run < 2; run += 1) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/**
 * @param {ToApp} message
 * @returns {Promise<number>}
 */
async function obey(message) {
  if (message.kind === 'listen') return listen(message.tls)
  if (message.kind === 'heap') return heapInUse()
  app = createApp(message.options)
  return 0
}

process.on('message', (/** @type {ToApp} */ message) => {
  obey(message).then(
    (value) => tell({ kind: 'done', id: message.id, value }),
    (/** @type {unknown} */ error) => tell({ kind: 'failed', reason: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
