import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CodeBlock, listDocuments, readCodeBlocks } from './code-blocks.ts'
import { makeProject, pack, root, run, temporaryFolder } from './packed.ts'

/** What a block may take for granted, as its reader does. */
const preamble = `
import type * as all from 'express-oauth-client'
import type { Auth, TokenStore } from 'express-oauth-client'
import type { Express, Request, Response } from 'express'

declare global {
  const oauth: typeof all.oauth
  const requireAuth: typeof all.requireAuth
  const errorHandler: typeof all.errorHandler
  const isOAuthError: typeof all.isOAuthError
  const memoryStore: typeof all.memoryStore
  const sessionStore: typeof all.sessionStore
  const inspector: typeof import('express-oauth-client/inspector').inspector
  const instrument: typeof import('express-oauth-client/opentelemetry').instrument
  const redisStore: typeof import('express-oauth-client/stores/redis').redisStore
  const postgresStore: typeof import('express-oauth-client/stores/postgres').postgresStore
  const app: Express
  const req: Request
  const res: Response
  const client: ReturnType<typeof import('redis').createClient>
  const pool: import('pg').Pool
  const FileStore: typeof import('express-session').MemoryStore
}
`
const options = {
  noEmit: true,
  module: 'nodenext',
  target: 'es2023',
  lib: ['es2023'],
  types: ['node'],
  skipLibCheck: true,
}

function importedPackages(code: string): string[] {
  const specifiers = [...code.matchAll(/(?:from |import\(?)\s*['"]([^'".][^'"]*)['"]/g)]
  return specifiers
    .map(([, specifier = '']) => specifier)
    .filter((specifier) => !specifier.startsWith('node:'))
    .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'))
}

/** Links a package of this repository, with its types, into a project. */
async function link(project: string, name: string): Promise<void> {
  for (const each of [name, `@types/${name}`]) {
    const place = join(project, 'node_modules', each)
    const target = join(root, 'node_modules', each)
    if (existsSync(place) || !existsSync(target)) continue
    await mkdir(dirname(place), { recursive: true })
    await symlink(target, place, 'junction')
  }
}

/** JavaScript is held to less: nobody asks its writer whether `req.auth` may be undefined. */
const configs = {
  'tsconfig.json': {
    compilerOptions: { ...options, strict: true },
    include: ['*.ts'],
  },
  'jsconfig.json': {
    compilerOptions: { ...options, strict: false, allowJs: true, checkJs: true },
    include: ['*.js', 'preamble.d.ts'],
  },
}

const fileOf = ({ document, line, language }: CodeBlock): string =>
  `${document.replaceAll(/\W+/g, '-')}-${line}.${language.startsWith('t') ? 'ts' : 'js'}`

const documents = await listDocuments()
const blocks = (await Promise.all(documents.map(readCodeBlocks))).flat()

describe('the code in the documentation', () => {
  let folder: string
  let problems: string[]

  beforeAll(async () => {
    folder = await temporaryFolder('documentation')
    const project = join(folder, 'project')
    // Blank lines in front, so that the compiler names the line of the document.
    const sources = blocks.map((block) => [
      fileOf(block),
      `${'\n'.repeat(block.line - 1)}${block.code}\nexport {}\n`,
    ])
    const files = {
      'package.json': '{ "private": true, "type": "module" }',
      ...Object.fromEntries(
        Object.entries(configs).map(([name, config]) => [name, JSON.stringify(config)]),
      ),
      'preamble.d.ts': preamble,
      ...Object.fromEntries(sources),
    }
    await makeProject(project, files, [await pack(folder)])
    const needed = [
      'node',
      'express',
      'redis',
      'pg',
      '@opentelemetry/api',
      ...blocks.map(({ code }) => importedPackages(code)).flat(),
    ]
    for (const name of new Set(needed)) await link(project, name)

    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const outputs = Object.keys(configs).map((config) =>
      run(process.execPath, [tsc, '-p', config, '--pretty', 'false'], { cwd: project }).catch(
        String,
      ),
    )
    problems = (await Promise.all(outputs))
      .flatMap((output) => output.split('\n'))
      .filter((line) => line.includes('error TS'))
  }, 120_000)

  afterAll(() => rm(folder, { recursive: true }))

  it.each(blocks.map((block) => [`${block.document}:${block.line}`, fileOf(block)]))(
    'compiles: %s',
    (_, file) => {
      expect(problems.filter((problem) => problem.startsWith(file))).toEqual([])
    },
  )

  it('compiles without a problem of its surroundings', () => {
    const own = problems.filter(
      (problem) => !blocks.some((block) => problem.startsWith(fileOf(block))),
    )
    expect(own).toEqual([])
  })
})
