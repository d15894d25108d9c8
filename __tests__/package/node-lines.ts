import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeProject, root } from './packed.ts'

/** The lowest versions that `engines` promises, and the newest of the lines after them. */
export const nodeLines = ['20.19', '22.12', '24', '26'] as const

const cache = join(root, 'node_modules/.cache/express-oauth-client/node-lines')
const program = process.platform === 'win32' ? 'node.exe' : 'bin/node'

export function nodeOfLine(line: (typeof nodeLines)[number]): string {
  return join(cache, 'node_modules', `node-${line}`, program)
}

/** Gets the real binaries of all lines, from the npm packages that carry them. */
export async function installNodeLines(): Promise<void> {
  if (nodeLines.every((line) => existsSync(nodeOfLine(line)))) return
  const system = process.platform === 'win32' ? 'win' : process.platform
  const carrier = `node-${system}-${process.arch}`
  const packages = nodeLines.map((line) => `node-${line}@npm:${carrier}@${line}`)
  // Test files run side by side: each downloads apart, and the first to finish provides for all.
  const apart = `${cache}-${process.pid}`
  await makeProject(apart, {}, packages)
  await rename(apart, cache).catch(() => rm(apart, { recursive: true }))
}
