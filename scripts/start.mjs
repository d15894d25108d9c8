// @ts-check
import './node-version.mjs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureNpmPackages } from './npm-packages.mjs'
import { ensureBuild } from './package-build.mjs'
import { root } from './run.mjs'

ensureNpmPackages()
ensureBuild()

// In this process, so that Ctrl-C and signals reach the example itself and nothing is left behind.
const example = join(root, 'example-app/start.js')
process.argv[1] = example
await import(pathToFileURL(example).href)
