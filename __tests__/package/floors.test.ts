import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

interface Diagnostic {
  readonly message: string
  readonly code: string
  readonly filename: string
}

function lint(folder: string): Promise<Diagnostic[]> {
  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint')
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [oxlint, '-f', 'json', 'lib'], { cwd: folder }, (_, stdout) => {
      try {
        resolve(JSON.parse(stdout).diagnostics)
      } catch (error) {
        reject(new Error(`oxlint printed no report: ${stdout}`, { cause: error }))
      }
    })
  })
}

const down = 'Imports go down only'
const refused: ReadonlyArray<[file: string, source: string, message: string]> = [
  ['errors.ts', `import { emit } from './events.ts'`, down],
  ['types.ts', `export type { Config } from './config.ts'`, down],
  ['config.ts', `import { session } from './session.ts'`, down],
  ['cookies.ts', `import type { Provider } from './provider.ts'`, down],
  ['navigation.ts', `export type Row = import('./stores/redis.ts').Row`, down],
  ['seal.ts', `import { context } from './context.ts'`, down],
  ['stores/memory.ts', `import { begin } from '../transaction.ts'`, down],
  ['tokens/single-flight.ts', `import { refresh } from './refresh.ts'`, down],
  ['context.ts', `import { Auth } from './auth.ts'`, down],
  ['auth.ts', `import { login } from './routes/login.ts'`, down],
  ['tokens/refresh.ts', `export const later = () => import('../routes/login.ts')`, down],
  ['routes/login.ts', `export * from '../require-auth.ts'`, down],
  ['require-auth.ts', `import { oauth } from './oauth.ts'`, down],
  ['oauth.ts', `import { inspector } from './inspector/index.ts'`, down],
  ['session.ts', `import { discovery } from 'openid-client'`, 'Only lib/provider.ts'],
  [
    'provider-http.ts',
    `import type { Configuration } from 'openid-client'`,
    'Only lib/provider.ts',
  ],
  ['index.ts', `import session from 'express-session'`, 'Only lib/session.ts'],
  ['last-good.ts', `import { trace } from '@opentelemetry/api'`, 'Only lib/opentelemetry/'],
  ['flow-log.ts', `import type { Span } from '@opentelemetry/api'`, 'Only lib/opentelemetry/'],
  ['routes/callback.ts', `import { Router } from 'express'`, 'express is no dependency'],
  ['stores/redis.ts', `export const client = () => import('redis')`, 'redis is no dependency'],
  ['return-to.ts', `import { root } from '../scripts/run.mjs'`, 'outside itself'],
  ['brand-new.ts', `export const nothing = 1`, 'has no floor'],
  [
    'routes/logout.ts',
    `export const id = (req: any) => req.session.id`,
    "'req.session' is restricted",
  ],
]

const allowed: ReadonlyArray<[file: string, source: string]> = [
  ['inspector/index.ts', `export * from '../index.ts'`],
  ['opentelemetry/spans.ts', `export { trace } from '@opentelemetry/api'`],
  ['routes/front.ts', `export { auth } from '../auth.ts'; export { back } from './back.ts'`],
  ['provider.ts', `export { discovery } from 'openid-client'; export { jwtVerify } from 'jose'`],
  [
    'error-handler.ts',
    `import type { ErrorRequestHandler } from 'express'; export type H = ErrorRequestHandler`,
  ],
  ['error-page.ts', `export { createHash } from 'node:crypto'; export { code } from './errors.ts'`],
]

describe('the floors of the house', () => {
  let folder: string
  let diagnostics: Diagnostic[]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'floors-'))
    for (const name of ['.oxlintrc.json', 'package.json', 'tsconfig.json', 'scripts/lint']) {
      await cp(join(root, name), join(folder, name), { recursive: true })
    }
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
    for (const [file, source] of [...refused, ...allowed]) {
      await mkdir(dirname(join(folder, 'lib', file)), { recursive: true })
      await writeFile(join(folder, 'lib', file), `${source}\n`)
    }
    diagnostics = await lint(folder)
  })

  afterAll(() => rm(folder, { recursive: true }))

  it.each(refused)('refuses in lib/%s: %s', (file, _source, message) => {
    const found = diagnostics.filter(({ filename }) => filename === `lib/${file}`)
    expect(found.map((each) => each.message).join('\n')).toContain(message)
  })

  it.each(allowed)('has nothing against, in lib/%s: %s', (file) => {
    expect(diagnostics.filter(({ filename }) => filename === `lib/${file}`)).toEqual([])
  })

  it('are kept by the package as it is', async () => {
    const found = await lint(root)
    const broken = found.filter(({ code }) => code === 'house(floors)')
    expect(broken.map(({ message }) => message)).toEqual([])
  })
})
