// @ts-check
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuild } from '../scripts/package-build.mjs'
import { load, signIn } from './requests-load.js'
import { startProvider } from './requests-provider.js'

const rounds = 25
const requestsPerRound = 800
const warmUp = 4000
const signInRounds = 12
const signInsPerRound = 25
const signInWarmUp = 60

const protectedPage = { name: 'protected page', path: '/account', signedIn: true }
const pages = [
  { name: 'public page, nobody signed in', path: '/', signedIn: false },
  { name: 'public page', path: '/', signedIn: true },
  protectedPage,
  { name: 'page that reads the token', path: '/token', signedIn: true },
]

/** @typedef {Awaited<ReturnType<typeof startServer>>} Server */

/** @type {Array<() => unknown>} */
const closing = []

/**
 * @param {string} peer
 * @param {string} redisUrl
 * @param {Awaited<ReturnType<typeof startProvider>>} provider
 */
async function startServer(peer, redisUrl, { issuer, clientId, clientSecret }) {
  const child = fork(
    new URL('requests-server.js', import.meta.url),
    [peer, redisUrl, issuer, clientId, clientSecret],
    { execArgv: process.env['BENCH_NODE_OPTIONS']?.split(' ') ?? [] },
  )
  closing.push(() => child.disconnect())
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the server of ${peer} ended with ${code}`)
  })
  // Whoever asks hears of it; at the end nobody asks.
  ended.catch(() => undefined)
  /** @param {import('./requests-server.js').Question} [question] */
  const ask = async (question) => {
    const answered = new Promise((resolve) => child.once('message', resolve))
    if (question) child.send(question)
    return Promise.race([answered, ended])
  }
  /** @type {{ baseUrl: string }} */
  const { baseUrl } = await ask()
  const cookie = await signIn(baseUrl)
  return { peer, baseUrl, cookie, ask }
}

/** A Redis of our own on a free port; `undefined` where there is none on this machine. */
async function startRedis() {
  const reserved = createServer().listen(0, '127.0.0.1')
  await once(reserved, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (reserved.address())
  reserved.close()
  await once(reserved, 'close')
  const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'))
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', '']
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(child, 'spawn')
  } catch {
    console.log('redis-server is not installed, so there are no figures with it')
    return undefined
  }
  closing.push(() => child.kill())
  for await (const line of child.stdout) {
    if (String(line).includes('Ready to accept connections')) break
  }
  child.stdout.resume()
  return `redis://127.0.0.1:${port}`
}

/**
 * CPU microseconds and seconds that the work takes, per piece.
 *
 * @param {Server} server
 * @param {number} count
 * @param {() => Promise<unknown>} work
 */
async function measured({ ask }, count, work) {
  const before = await ask({ ask: 'cpu' })
  const started = process.hrtime.bigint()
  await work()
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  return { cpu: ((await ask({ ask: 'cpu' })) - before) / count, seconds: seconds / count }
}

/**
 * The same work on both servers in many short rounds, so that what else the machine does meets both.
 *
 * @param {[bare: Server, ours: Server]} servers
 * @param {{ rounds: number, count: number, work: (server: Server) => Promise<unknown> }} plan
 */
async function compare([bare, ours], plan) {
  const pairs = []
  for (let round = 0; round < plan.rounds; round += 1) {
    const run = (/** @type {Server} */ server) =>
      measured(server, plan.count, () => plan.work(server))
    const first = round % 2 === 0 ? await run(bare) : undefined
    const own = await run(ours)
    pairs.push({ bare: first ?? (await run(bare)), ours: own })
  }
  return {
    cpu: spread(pairs.map((pair) => pair.ours.cpu / pair.bare.cpu)),
    speed: spread(pairs.map((pair) => pair.bare.seconds / pair.ours.seconds)),
    bareCpu: spread(pairs.map((pair) => pair.bare.cpu)).median,
  }
}

/** @param {number[]} values */
function spread(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (/** @type {number} */ part) =>
    sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN
  return { low: at(0.25), median: at(0.5), high: at(0.75) }
}

/** @param {ReturnType<typeof spread>} values */
const shown = ({ low, median, high }) =>
  `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`

/** @param {string[]} cells */
const print = (...cells) => {
  const widths = [40, 24, 24, 14, 14]
  console.log(
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('')
      .trimEnd(),
  )
}

/**
 * Calls of the stores and Set-Cookie headers that a request causes.
 *
 * @param {Server} server
 * @param {(typeof pages)[number]} page
 */
async function sideEffects(server, { path, signedIn }) {
  const count = 100
  const before = await server.ask({ ask: 'calls' })
  const { setCookies } = await load(server.baseUrl + path, signedIn ? server.cookie : '', count)
  return { calls: ((await server.ask({ ask: 'calls' })) - before) / count, setCookies }
}

/**
 * @param {[bare: Server, ours: Server]} servers
 * @param {(typeof pages)[number]} page
 */
async function compareRequests(servers, page) {
  const work = (/** @type {Server} */ server, count = requestsPerRound) =>
    load(server.baseUrl + page.path, page.signedIn ? server.cookie : '', count)
  for (const server of servers) await work(server, warmUp)
  const { cpu, speed, bareCpu } = await compare(servers, {
    rounds,
    count: requestsPerRound,
    work,
  })
  const [bare, ours] = [await sideEffects(servers[0], page), await sideEffects(servers[1], page)]
  print(
    `${page.name} (${bareCpu.toFixed(0)} µs)`,
    shown(cpu),
    shown(speed),
    `${ours.calls} to ${bare.calls}`,
    `${ours.setCookies} to ${bare.setCookies}`,
  )
}

/** @param {[bare: Server, ours: Server]} servers */
async function compareSignIns(servers) {
  const work = async (/** @type {Server} */ { baseUrl }, count = signInsPerRound) => {
    for (let done = 0; done < count; done += 1) await signIn(baseUrl)
  }
  for (const server of servers) await work(server, signInWarmUp)
  const plan = { rounds: signInRounds, count: signInsPerRound, work }
  const { cpu, bareCpu } = await compare(servers, plan)
  print(`sign-in (${(bareCpu / 1000).toFixed(1)} ms)`, shown(cpu))
}

/** @param {[bare: Server, ours: Server]} servers */
async function compareRecords(servers) {
  for (const { peer, cookie, ask } of servers) {
    const [, sessionId = ''] = /(?:^|; )session=s%3A([^.;]+)/.exec(cookie) ?? []
    const { session, tokens } = await ask({ ask: 'bytes', sessionId })
    print(`${peer}: bytes of a login`, `${session} in the session`, `${tokens} in the token store`)
  }
}

async function main() {
  ensureBuild()
  console.log(
    `Node ${process.version}; ratios to an app written by hand that holds the same tokens`,
  )
  console.log('in its session, as medians (and quartiles) of interleaved rounds')
  const provider = await startProvider()
  closing.push(() => provider.close())
  const redisUrl = await startRedis()
  for (const [store, url] of [['memory', ''], ...(redisUrl ? [['Redis', redisUrl]] : [])]) {
    const start = (/** @type {string} */ peer) => startServer(peer, url ?? '', provider)
    const bare = await start('hand-written')
    const ours = await start('oauth')
    print(`\nRequests, ${store}`, 'CPU', 'requests per second', 'store calls', 'Set-Cookie')
    for (const page of pages) await compareRequests([bare, ours], page)
    const behind = { ...protectedPage, name: 'the same, session of the app' }
    await compareRequests([bare, await start('oauth-app-session')], behind)
    await compareSignIns([bare, ours])
    await compareRecords([bare, ours])
  }
}

try {
  await main()
} finally {
  for (const close of closing.toReversed()) await close()
}
