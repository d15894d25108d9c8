// @ts-check
import { once } from 'node:events'
import { createServer } from 'node:http'
import { RedisStore } from 'connect-redis'
import { memoryStore } from 'express-oauth-client'
import { redisStore } from 'express-oauth-client/stores/redis'
import session from 'express-session'
import { createClient } from 'redis'

/**
 * @typedef {object} PeerOptions
 * @property {string} issuer
 * @property {string} clientId
 * @property {string} clientSecret
 * @property {string} baseUrl
 * @property {string} secret
 * @property {Stores} stores
 *
 * @typedef {object} Stores
 * @property {import('express-session').Store} session
 * @property {import('express-oauth-client').TokenStore} token
 *
 * @typedef {{ ask: 'cpu' } | { ask: 'calls' } | { ask: 'bytes', sessionId: string }} Question
 */

const [peer = '', redisUrl = '', issuer = '', clientId = '', clientSecret = ''] =
  process.argv.slice(2)
let calls = 0

/**
 * Counts each call of one of these methods as one round trip.
 *
 * @template {object} T
 * @param {T} store
 * @param {string[]} names
 * @returns {T}
 */
function counted(store, names) {
  const methods = /** @type {Record<string, (...args: unknown[]) => unknown>} */ (store)
  for (const name of names) {
    const method = methods[name]?.bind(store)
    if (!method) continue
    methods[name] = (...args) => {
      countCall()
      return method(...args)
    }
  }
  return store
}

function countCall() {
  calls += 1
}

async function openStores() {
  if (!redisUrl) return { session: new session.MemoryStore(), token: memoryStore() }
  const client = createClient({ url: redisUrl })
  client.on('error', (error) => {
    throw error
  })
  await client.connect()
  const prefix = `${peer}:`
  return {
    session: new RedisStore({ client, prefix: `${prefix}sess:` }),
    token: redisStore({ client, prefix }),
  }
}

/** @type {Stores} */
const stores = await openStores()
counted(stores.session, ['get', 'set', 'touch', 'destroy'])
counted(stores.token, ['create', 'read', 'replace', 'remove', 'claim', 'renew', 'release', 'find'])

const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
const baseUrl = `http://127.0.0.1:${port}`
const { createApp } = await import(`./peers/${peer}.js`)
const secret = 'a-secret-that-is-good-for-measuring-only'
server.on('request', await createApp({ issuer, clientId, clientSecret, baseUrl, secret, stores }))

/** What is kept of one login, in bytes. @param {string} sessionId */
async function bytesOf(sessionId) {
  /** @type {any} */
  const record = await new Promise((resolve, reject) => {
    stores.session.get(sessionId, (error, found) => {
      if (error) reject(new Error('the session store has failed', { cause: error }))
      else resolve(found)
    })
  })
  const id = record?.oauth?.tokenSetId
  const tokens = id && (await stores.token.read(id))
  return { session: sizeOf(record), tokens: tokens ? sizeOf(tokens) : 0 }
}

/** @param {object} record */
const sizeOf = (record) => Buffer.byteLength(JSON.stringify(record))

/** @param {Question} question */
async function answer(question) {
  if (question.ask === 'bytes') return bytesOf(question.sessionId)
  if (question.ask === 'calls') return calls
  const { user, system } = process.cpuUsage()
  return user + system
}

process.on('message', (question) => {
  void answer(/** @type {Question} */ (question)).then((found) => process.send?.(found))
})
process.on('disconnect', () => process.exit())
process.send?.({ baseUrl })
