// @ts-check
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'

const dist = join(root, 'dist')
const entry = join(dist, 'index.js')
const sources = ['lib', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']

/** Compiles lib to dist. What an earlier build left behind must not be published. */
export function build() {
  rmSync(dist, { recursive: true, force: true })
  run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.build.json',
  ])
}

/** Builds when dist is missing or older than what it is made of. */
export function ensureBuild() {
  const built = statSync(entry, { throwIfNoEntry: false })
  if (built && sources.every((source) => newestChange(join(root, source)) <= built.mtimeMs)) return
  console.log('Building the package (dist)')
  build()
}

/**
 * A removed or renamed file shows in the time of its folder.
 *
 * @param {string} path
 * @returns {number}
 */
function newestChange(path) {
  const { mtimeMs } = statSync(path)
  const entries = statSync(path).isDirectory() ? readdirSync(path) : []
  return Math.max(mtimeMs, ...entries.map((name) => newestChange(join(path, name))))
}
