// @ts-check
import { once } from 'node:events'
import { createServer } from 'node:http'
import process from 'node:process'
import { createClient } from 'redis'
import { moveClock } from '../scripts/moved-clock.mjs'

/**
 * @typedef {object} HerdOptions
 * @property {string} issuer
 * @property {string} clientId
 * @property {string} clientSecret
 * @property {string} baseUrl
 * @property {any} client A client of Redis that counts its calls.
 * @property {string} prefix Of the keys in Redis.
 * @property {Record<string, string>} modules Where packages are that this one does not depend on.
 *
 * @typedef {{ do: 'mount', baseUrl: string } | { do: 'advance', milliseconds: number } | { do: 'count' }} Order
 */

const { peer, redisUrl, ...settings } = JSON.parse(process.argv[2] ?? '{}')
const counted = new Set(['get', 'set', 'del', 'expire', 'eval', 'evalSha', 'mGet', 'scan'])
let calls = 0

/**
 * @param {any} client
 * @returns {any} the same client, whose calls are counted
 */
function counting(client) {
  return new Proxy(client, {
    get(target, name) {
      const value = target[name]
      if (typeof value !== 'function') return value
      return (/** @type {unknown[]} */ ...args) => {
        if (counted.has(String(name))) calls += 1
        const result = value.apply(target, args)
        return name === 'withCommandOptions' ? counting(result) : result
      }
    },
  })
}

const client = createClient({ url: redisUrl })
client.on('error', (error) => {
  throw error
})
await client.connect()

const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')

/** @param {Order} order */
async function obey(order) {
  if (order.do === 'count') return calls
  if (order.do === 'advance') {
    moveClock(order.milliseconds)
    return undefined
  }
  const { createApp } = await import(`./herd-peers/${peer}.js`)
  const { baseUrl } = order
  server.on('request', await createApp({ ...settings, baseUrl, client: counting(client) }))
  return undefined
}

process.on('message', (order) => {
  obey(/** @type {Order} */ (order)).then(
    (value) => process.send?.({ value }),
    (/** @type {unknown} */ error) => process.send?.({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
process.send?.({ value: server.address() })
