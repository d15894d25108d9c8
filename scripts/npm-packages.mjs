// @ts-check
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, runNpm } from './run.mjs'

/** @typedef {{ version?: string, integrity?: string, optional?: boolean }} LockedPackage */

/**
 * Runs `npm ci` unless node_modules already holds what package-lock.json asks for.
 */
export function ensureNpmPackages() {
  if (matchesLock()) return
  console.log('Installing npm packages (npm ci)')
  // NODE_ENV=production in the environment would leave the build tools out.
  runNpm(['ci', '--include=dev', '--no-audit', '--no-fund'])
}

function matchesLock() {
  const installed = readPackages('node_modules/.package-lock.json')
  const wanted = readPackages('package-lock.json')
  if (!wanted) throw new Error('package-lock.json is missing: this is not a complete clone')
  if (!installed) return false
  return Object.entries(wanted).every(
    ([path, locked]) => path === '' || isInstalled(installed[path], locked),
  )
}

/**
 * npm leaves out the optional packages of other platforms.
 *
 * @param {LockedPackage | undefined} found
 * @param {LockedPackage} locked
 */
function isInstalled(found, locked) {
  if (!found) return locked.optional === true
  return found.version === locked.version && found.integrity === locked.integrity
}

/**
 * @param {string} file
 * @returns {Record<string, LockedPackage> | undefined}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined
    throw error
  }
}
