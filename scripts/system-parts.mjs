// @ts-check
import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const exe = process.platform === 'win32' ? '.exe' : ''

/** @returns {string | undefined} the path of a Chromium or Chrome */
export function findChromium() {
  return (
    chosen('CHROMIUM_PATH', isExecutable) ??
    onPath(['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']) ??
    [
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ].find(isExecutable)
  )
}

/** @returns {string | undefined} the path of redis-server */
export function findRedis() {
  return chosen('REDIS_SERVER_PATH', isExecutable) ?? onPath(['redis-server', 'valkey-server'])
}

/** @returns {string | undefined} the folder that holds `initdb` and `postgres` */
export function findPostgres() {
  return (
    chosen('POSTGRES_BIN', isPostgresBin) ??
    pathFolders().find(isPostgresBin) ??
    versionFolders('/usr/lib/postgresql', '')
      .concat(versionFolders('/usr', 'pgsql-'))
      .concat(versionFolders('/opt/homebrew/opt', 'postgresql@'))
      .map((folder) => join(folder, 'bin'))
      .find(isPostgresBin)
  )
}

/**
 * What somebody chose on purpose is never silently replaced.
 *
 * @param {string} variable
 * @param {(path: string) => boolean} isUsable
 */
function chosen(variable, isUsable) {
  const path = process.env[variable]
  if (!path) return undefined
  if (!isUsable(path)) throw new Error(`${variable} does not name a usable program: ${path}`)
  return path
}

/** @param {string[]} names */
function onPath(names) {
  return names
    .flatMap((name) => pathFolders().map((folder) => join(folder, name + exe)))
    .find(isExecutable)
}

function pathFolders() {
  return (process.env.PATH ?? '').split(delimiter).filter(Boolean)
}

/** @param {string} folder */
function isPostgresBin(folder) {
  return ['initdb', 'postgres'].every((name) => isExecutable(join(folder, name + exe)))
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/**
 * Folders such as `/usr/lib/postgresql/15`, the newest version first.
 *
 * @param {string} parent
 * @param {string} prefix
 */
function versionFolders(parent, prefix) {
  if (!statSync(parent, { throwIfNoEntry: false })) return []
  return readdirSync(parent)
    .filter((name) => name.startsWith(prefix) && Number(name.slice(prefix.length)) > 0)
    .toSorted((a, b) => Number(b.slice(prefix.length)) - Number(a.slice(prefix.length)))
    .map((name) => join(parent, name))
}
