// @ts-check
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './run.mjs'
import { findChromium, findPostgres, findRedis } from './system-parts.mjs'

const parts = [
  { name: 'Chromium', debian: 'chromium', variable: 'CHROMIUM_PATH', find: findChromium },
  { name: 'Redis', debian: 'redis-server', variable: 'REDIS_SERVER_PATH', find: findRedis },
  { name: 'PostgreSQL', debian: 'postgresql', variable: 'POSTGRES_BIN', find: findPostgres },
]

/**
 * Makes sure of the programs that the tests start: a browser, Redis and PostgreSQL. What cannot be
 * installed from here is named and the tests that need it are skipped, except in CI.
 */
export function ensureSystemParts() {
  const missing = findMissing()
  if (missing.length === 0) return
  installWithApt(missing.map(({ debian }) => debian))

  const stillMissing = findMissing()
  if (stillMissing.length === 0) return
  for (const { name, debian, variable } of stillMissing) {
    console.error(`${name} was not found. To install it: ${installLine(debian)}`)
    console.error(`  or, where it is installed already, set ${variable} to its place.`)
  }
  if (process.env.CI !== 'true') {
    return console.error('Going on: the tests that need what is missing are skipped.\n')
  }
  process.exit(1)
}

function findMissing() {
  return parts.filter(({ find }) => !find())
}

/** @param {string[]} packages */
function installWithApt(packages) {
  const rootPrefix = asRoot()
  if (process.platform !== 'linux' || !rootPrefix || !succeeds(['apt-get', '--version'])) return
  console.log(`Installing what the tests start: ${packages.join(', ')} (apt-get)`)
  const [command = 'sh', ...args] = [
    ...rootPrefix,
    'sh',
    join(root, 'scripts/apt-install.sh'),
    ...packages,
  ]
  const { error, status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (error ?? status !== 0) console.error(`apt-get did not succeed (${error ?? status})`)
}

/** @returns {string[] | undefined} what to put before a command so that it runs as root */
function asRoot() {
  if (process.getuid?.() === 0) return []
  return succeeds(['sudo', '-n', 'true']) ? ['sudo', '-n'] : undefined
}

/** @param {string[]} command */
function succeeds([command = '', ...args]) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

/** @param {string} debian */
function installLine(debian) {
  if (process.platform === 'darwin') {
    const formula = debian.replace('redis-server', 'redis')
    return `brew install ${formula === 'chromium' ? '--cask chromium' : formula}`
  }
  return `sudo apt-get install ${debian}`
}
