// @ts-check
import './node-version.mjs'
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { ensureNpmPackages } from './npm-packages.mjs'
import { ensureBuild } from './package-build.mjs'
import { root } from './run.mjs'
import { ensureSystemParts } from './system-parts-install.mjs'

ensureNpmPackages()
ensureSystemParts()
ensureBuild()

const jest = spawn(
  process.execPath,
  [fileURLToPath(import.meta.resolve('jest/bin/jest')), ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_OPTIONS: [
        process.env.NODE_OPTIONS,
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
      ]
        .filter(Boolean)
        .join(' '),
    },
  },
)

// A terminal sends Ctrl-C to Jest as well: stay until it has stopped its servers. A signal from
// elsewhere reaches only this process and is handed on.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => jest.kill('SIGTERM'))
jest.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
})
