// @ts-check
import { spawnSync } from 'node:child_process'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Runs a command in the root of the repository with this terminal, and ends this process with the
 * command's own exit code when it fails.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
export function run(command, args, options) {
  const { error, status, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    ...options,
  })
  if (error) throw error
  if (status === 0) return
  console.error(`\n${basename(command)} ${args.join(' ')}: ${signal ?? `exit code ${status}`}`)
  process.exit(status ?? 1)
}

/** @param {string[]} args */
export function runNpm(args) {
  const npmCli = process.env.npm_execpath
  if (npmCli && basename(npmCli) === 'npm-cli.js') return run(process.execPath, [npmCli, ...args])
  return run('npm', args, { shell: process.platform === 'win32' })
}
