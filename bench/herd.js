// @ts-check
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { signIn } from './requests-load.js'
import { startProvider, tokenLife } from './herd-provider.js'

const rounds = 10
const perProcess = 50
const quietRequests = 200
const peers = ['express-oauth-client', 'express-openid-connect', 'passport']
/** Versions that were seen to work. */
const borrowed = { 'express-openid-connect': '3.4.0', passport: '0.7.0' }

/** @type {Array<() => unknown>} */
const closing = []

/** A Redis of our own on a free port. */
async function startRedis() {
  const reserved = createServer().listen(0, '127.0.0.1')
  await once(reserved, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (reserved.address())
  reserved.close()
  await once(reserved, 'close')
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--save', '']
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: tmpdir() })
  await once(child, 'spawn').catch(() => {
    throw new Error('redis-server is not installed: apt-get install redis-server')
  })
  closing.push(() => child.kill())
  for await (const line of child.stdout) {
    if (String(line).includes('Ready to accept connections')) break
  }
  child.stdout.resume()
  return `redis://127.0.0.1:${port}`
}

/**
 * Packages of others to compare with, in a folder that is deleted afterwards.
 *
 * @returns {Record<string, string>} the URL of each package's entry; empty where npm cannot get them
 */
function borrowPackages() {
  const folder = mkdtempSync(join(tmpdir(), 'bench-herd-'))
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const wanted = Object.entries(borrowed).map(([name, version]) => `${name}@${version}`)
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--silent', ...wanted], {
      cwd: folder,
      stdio: 'ignore',
      timeout: 120_000,
    })
  } catch {
    console.log(`npm could not install ${wanted.join(' and ')}, so they are not compared\n`)
    return {}
  }
  const require = createRequire(join(folder, 'package.json'))
  return Object.fromEntries(
    Object.keys(borrowed).map((name) => [name, pathToFileURL(require.resolve(name)).href]),
  )
}

/** @param {Record<string, unknown>} settings */
async function startApp(settings) {
  const child = fork(new URL('herd-app.js', import.meta.url), [JSON.stringify(settings)], {
    execArgv: ['--no-warnings'],
  })
  /** @type {Promise<never>} */
  const ended = new Promise((_resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)))
  })
  // Whoever waits for an answer hears of it; a process that is stopped at the end is no failure.
  ended.catch(() => {})
  /** @param {import('./herd-app.js').Order} [order] */
  const tell = async (order) => {
    const answered = new Promise((resolve) => {
      child.once('message', resolve)
    })
    if (order) child.send(order)
    const { error, value } = await Promise.race([answered, ended])
    if (error) throw new Error(error)
    return value
  }
  const { port } = await tell()
  return { url: `http://127.0.0.1:${port}`, tell, stop: () => child.kill() }
}

/**
 * One page, as a script of a page would ask for it.
 *
 * @param {string} url
 * @param {string} cookie
 */
async function ask(url, cookie) {
  const started = performance.now()
  const headers = { cookie, accept: 'application/json', 'sec-fetch-mode': 'cors' }
  const [answer] = await once(get(url, { headers, agent: false }), 'response')
  answer.resume()
  await once(answer, 'end')
  return { good: answer.statusCode === 200, milliseconds: performance.now() - started }
}

/**
 * @param {string} peer
 * @param {number} processes
 * @param {{ redisUrl: string, modules: Record<string, string> }} surroundings
 */
async function measure(peer, processes, { redisUrl, modules }) {
  const provider = await startProvider()
  const { issuer, clientId, clientSecret } = provider
  const prefix = `${peer}:${processes}:`
  const settings = { peer, redisUrl, issuer, clientId, clientSecret, modules, prefix }
  const apps = await Promise.all(Array.from({ length: processes }, () => startApp(settings)))
  const all = (/** @type {import('./herd-app.js').Order} */ order) =>
    Promise.all(apps.map((app) => app.tell(order)))
  const roundTrips = async () => (await all({ do: 'count' })).reduce((sum, one) => sum + one, 0)
  try {
    const [{ url: baseUrl } = { url: '' }] = apps
    await all({ do: 'mount', baseUrl })
    let cookie = await signIn(baseUrl)
    const stampede = (/** @type {number} */ each) =>
      Promise.all(
        apps.flatMap(({ url }) => Array.from({ length: each }, () => ask(`${url}/token`, cookie))),
      )

    await stampede(5)
    const before = await roundTrips()
    for (let sent = 0; sent < quietRequests; sent += 1) await ask(`${baseUrl}/token`, cookie)
    const quiet = ((await roundTrips()) - before) / quietRequests

    const answers = []
    let calls = 0
    let lostLogins = 0
    for (let round = 0; round < rounds; round += 1) {
      await all({ do: 'advance', milliseconds: (tokenLife + 1) * 1000 })
      const start = await roundTrips()
      answers.push(...(await stampede(perProcess)))
      calls += (await roundTrips()) - start
      if ((await ask(`${baseUrl}/token`, cookie)).good) continue
      lostLogins += 1
      cookie = await signIn(baseUrl)
    }
    const times = answers.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b)
    const at = (/** @type {number} */ part) => times[Math.floor((times.length - 1) * part)] ?? 0
    return {
      app: peer,
      processes,
      expiries: rounds,
      'refresh requests': provider.refreshes(),
      answers: answers.length,
      'failed answers': answers.filter(({ good }) => !good).length,
      'lost logins': lostLogins,
      'p50 ms': Math.round(at(0.5)),
      'p99 ms': Math.round(at(0.99)),
      'round trips, waiting': Number((calls / answers.length).toFixed(2)),
      'round trips, ordinary': Number(quiet.toFixed(2)),
    }
  } finally {
    for (const app of apps) app.stop()
    provider.close()
  }
}

try {
  const redisUrl = await startRedis()
  const modules = borrowPackages()
  const rows = []
  console.log(
    `${perProcess} requests to each process at the moment of expiry, ${rounds} times; the token endpoint takes 200 ms, rotates refresh tokens and ends a login on reuse. Round trips are calls of Redis per request.\n`,
  )
  for (const peer of peers.filter((name) => !(name in borrowed) || name in modules)) {
    for (const processes of [1, 2, 4])
      rows.push(await measure(peer, processes, { redisUrl, modules }))
  }
  console.table(rows)
} finally {
  for (const close of closing.toReversed()) await close()
}
