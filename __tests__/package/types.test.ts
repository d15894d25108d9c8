import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeProject, pack, pinned, root, run, temporaryFolder } from './packed.ts'

const strict = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  target: 'es2022',
  lib: ['es2022'],
  types: ['node'],
}
const nodenext = { ...strict, module: 'nodenext' }
const bundler = { ...strict, module: 'esnext', moduleResolution: 'bundler' }

const expressApp = `
import express from 'express'
import { errorHandler, oauth, requireAuth, type Auth, type OAuthOptions } from 'express-oauth-client'

const options: OAuthOptions = {
  issuer: 'https://idp.example.com',
  clientId: process.env.CLIENT_ID,
  clientSecret: process.env.CLIENT_SECRET,
  baseUrl: 'https://app.example.com',
  secret: process.env.APP_SECRET,
}
export const app = express()
app.use(oauth(options))
app.get('/', (req, res) => {
  const name: string | undefined = req.auth?.user.name
  const auth: Auth | undefined = req.auth
  res.send(name ?? auth?.user.sub)
})
app.get('/photos', requireAuth({ scope: 'photos.read' }), async (req, res) => {
  const answer = await req.auth?.fetch('https://photos.example.com/v1/albums')
  res.json(await answer?.json())
})
app.use(errorHandler())
`

const plainServer = `
import { createServer } from 'node:http'
import { oauth } from 'express-oauth-client'

const signIn = oauth()
export const server = createServer((req, res) => {
  signIn(req, res, (error?: unknown) => {
    res.end(error ? 'no' : 'yes')
  })
})
`

const mistakes = `
import { oauth, requireAuth } from 'express-oauth-client'
import type { Request } from 'express'

// @ts-expect-error unknown option
oauth({ isuer: 'https://idp.example.com' })
// @ts-expect-error a number is no scope
requireAuth({ scope: 1 })
// @ts-expect-error nobody may be signed in
export const name = (req: Request) => req.auth.user
// @ts-expect-error the refresh token stays inside
export const refresh = (req: Request) => req.auth?.refreshToken
`

const projects = [
  { name: 'an ES module', type: 'module', options: nodenext, source: expressApp },
  { name: 'CommonJS', type: 'commonjs', options: nodenext, source: expressApp },
  { name: 'a bundled app', type: 'module', options: bundler, source: expressApp },
  { name: 'a plain server', type: 'module', options: nodenext, source: plainServer, plain: true },
  { name: 'an app with mistakes', type: 'module', options: nodenext, source: mistakes },
] as const

describe('the types of the published package', () => {
  let folder: string

  beforeAll(async () => {
    folder = await temporaryFolder('package-types')
    const tarball = await pack(folder)
    const needed = [tarball, ...(await pinned('@types/node'))]
    const express = await pinned('express', '@types/express')
    await makeProject(join(folder, 'plain'), {}, needed)
    await makeProject(join(folder, 'express'), {}, [...needed, ...express, 'typescript@5.9'])
  }, 120_000)

  afterAll(() => rm(folder, { recursive: true }))

  async function compile(project: (typeof projects)[number], compiler: string): Promise<string> {
    const { name, type, options, source } = project
    const place = join(folder, 'plain' in project ? 'plain' : 'express', name)
    await mkdir(place, { recursive: true })
    await writeFile(join(place, 'package.json'), JSON.stringify({ private: true, type }))
    await writeFile(join(place, 'app.ts'), source)
    await writeFile(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }))
    return run(process.execPath, [compiler, '-p', place], { cwd: place })
  }

  it.each(projects)('fit $name', async (project) => {
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    await expect(compile(project, compiler)).resolves.toBe('')
  })

  it.each(projects.slice(0, 2))('fit $name of an older TypeScript', async (project) => {
    const compiler = join(folder, 'express/node_modules/typescript/bin/tsc')
    await expect(compile(project, compiler)).resolves.toBe('')
  })

  it('compile to CommonJS that Node runs', async () => {
    const place = join(folder, 'express/CommonJS')
    const load = `console.log(typeof require('./app.js').app.listen)`
    const set = { CLIENT_ID: 'app', CLIENT_SECRET: 'secret', APP_SECRET: 'long enough '.repeat(4) }
    const env = { ...process.env, NODE_OPTIONS: '', ...set }
    await expect(run(process.execPath, ['-e', load], { cwd: place, env })).resolves.toBe(
      'function\n',
    )
  })
})
