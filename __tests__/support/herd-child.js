// @ts-check
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import process from 'node:process'
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import express from 'express'
import { errorHandler, eventNames, oauth, requireAuth } from 'express-oauth-client'
import session from 'express-session'
import { Pool } from 'pg'
import { createClient } from 'redis'
import { moveClock } from '../../scripts/moved-clock.mjs'

/** @typedef {import('./herd-app.ts').ToChild} ToChild */

/** @param {string} url */
async function redisSessions(url) {
  const client = createClient({ url, socket: { reconnectStrategy: 50 } })
  // Outages are what the tests are about; the requests show them.
  client.on('error', () => {})
  await client.connect()
  return new RedisStore({ client })
}

/** @param {string} connectionString */
function postgresSessions(connectionString) {
  const pool = new Pool({ connectionString, max: 8 })
  pool.on('error', () => {})
  const PgStore = connectPgSimple(session)
  return new PgStore({
    pool,
    createTableIfMissing: true,
    pruneSessionInterval: false,
    errorLog: () => {},
  })
}

/** @param {any} config */
async function createApp({ baseUrl, storeUrl, options }) {
  const sessions = storeUrl.startsWith('redis:')
    ? await redisSessions(storeUrl)
    : postgresSessions(storeUrl)
  const app = express()
  app.use(
    oauth({
      baseUrl,
      secret: 'the-secret-of-the-whole-herd-of-apps-0123456789',
      session: { store: sessions },
      ...options,
    }),
  )
  app.get('/', (req, res) => res.json({ sub: req.auth?.user.sub ?? null }))
  app.get('/photos', requireAuth(), (req, res) => res.json({ sub: req.auth?.user.sub }))
  app.get('/token', requireAuth({ accessToken: true }), (req, res) =>
    res.json({ accessToken: req.auth?.accessToken }),
  )
  app.get('/note', requireAuth(), (req, res) => {
    const notes = /** @type {{ notes?: unknown[] }} */ (/** @type {unknown} */ (req.session))
    notes.notes = [...(notes.notes ?? []), req.query.text]
    res.json({ notes: notes.notes })
  })
  app.use(errorHandler())
  app.use(lastResort)
  return app
}

/** @type {express.ErrorRequestHandler} */
function lastResort(error, _req, res, _next) {
  if (res.headersSent) return
  res.status(500).json({ code: error?.code ?? String(error) })
}

/** @param {unknown} message */
const tell = (message) => process.send?.(message)

for (const name of eventNames) {
  channel(`express-oauth-client:${name}`).subscribe((event) => {
    const { error } = /** @type {{ error?: string }} */ (event)
    tell({ kind: 'event', name, error })
  })
}

/** @type {express.Express | undefined} */
let app
const server = createServer((req, res) => {
  if (app) app(req, res)
  else res.writeHead(503).end()
})

/** @param {ToChild} message */
async function obey(message) {
  if (message.kind === 'mount') app = await createApp(message)
  if (message.kind === 'advance') {
    moveClock(message.milliseconds)
  }
  tell({ kind: 'done', id: message.id })
}

process.on('message', (message) => {
  obey(/** @type {ToChild} */ (message)).catch((/** @type {unknown} */ error) => {
    tell({ kind: 'failed', reason: error instanceof Error ? error.stack : String(error) })
  })
})
process.on('disconnect', () => process.exit())

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
tell({ kind: 'listening', port: typeof address === 'object' ? address?.port : undefined })
