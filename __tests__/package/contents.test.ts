import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createRequire } from 'node:module'
import { readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { makeProject, pack, readManifest, run, temporaryFolder } from './packed.ts'

const attw = join(
  dirname(createRequire(import.meta.url).resolve('@arethetypeswrong/cli/package.json')),
  'dist/index.js',
)

describe('the published package', () => {
  let folder: string
  let tarball: string
  let installed: string
  let files: string[]

  beforeAll(async () => {
    folder = await temporaryFolder('package-contents')
    tarball = await pack(folder)
    await makeProject(join(folder, 'app'), {}, [tarball])
    installed = join(folder, 'app/node_modules/express-oauth-client')
    const entries = await readdir(installed, { recursive: true, withFileTypes: true })
    files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1))
      .map((path) => path.replaceAll('\\', '/'))
  }, 120_000)

  afterAll(() => rm(folder, { recursive: true }))

  it('ships the build, the documentation and the licence, and nothing else', () => {
    const expected =
      /^(dist\/.+\.(js|d\.ts)|docs\/.+\.md|docs\/images\/.+\.svg|(README|CHANGELOG)\.md|LICENSE|package\.json)$/
    expect(files.filter((file) => !expected.test(file))).toEqual([])
    expect(files).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'LICENSE']))
  })

  it('holds every file that its exports name', async () => {
    const { exports } = await readManifest()
    const targets = Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    )
    expect(files).toEqual(expect.arrayContaining(targets.map((target) => target.slice(2))))
  })

  it('points to no source map that it does not hold', async () => {
    const texts = await Promise.all(
      files
        .filter((file) => file.startsWith('dist/'))
        .map((file) => readFile(join(installed, file), 'utf8')),
    )
    expect(texts.filter((text) => text.includes('sourceMappingURL'))).toEqual([])
  })

  it('is what publint expects', async () => {
    const { messages, pkg } = await publint({ pkgDir: installed, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
  })

  it('has types that every ESM resolution finds', async () => {
    // It ends with an error code when it finds a problem.
    const options = ['--profile', 'esm-only', '--format', 'ascii', '--no-emoji']
    const table = await run(process.execPath, [attw, tarball, ...options], {})
    const { exports } = await readManifest()
    expect(table.match(/^node16 \(from ESM\): /gm)).toHaveLength(Object.keys(exports).length)
  })
})
