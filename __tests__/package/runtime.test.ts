import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { installNodeLines, nodeLines, nodeOfLine } from './node-lines.ts'
import { makeProject, pack, pinned, run, temporaryFolder } from './packed.ts'

const exported = {
  'express-oauth-client': [
    'OAuthError',
    'errorCodes',
    'errorHandler',
    'eventNames',
    'isOAuthError',
    'memoryStore',
    'oauth',
    'requireAuth',
    'sessionStore',
  ],
  'express-oauth-client/inspector': ['inspector'],
  'express-oauth-client/opentelemetry': ['instrument'],
  'express-oauth-client/stores/postgres': ['postgresStore'],
  'express-oauth-client/stores/redis': ['redisStore'],
}

// Nothing listens on port 1: what a refused connection becomes differs inside and outside of Jest.
const scenario = `
exports.scenario = async ({ oauth }) => {
  const { createServer } = require('node:http')
  const { once } = require('node:events')
  const middleware = oauth({
    issuer: 'http://127.0.0.1:1',
    clientId: 'app',
    clientSecret: 'client-secret',
    baseUrl: 'http://127.0.0.1',
    secret: 'a-secret-that-is-long-enough-for-the-library',
  })
  const server = createServer((req, res) => {
    middleware(req, res, (error) => {
      if (error) res.statusCode = error.status
      res.end(error ? error.code : String(req.auth))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const answers = []
  for (const path of ['/', '/login']) {
    const answer = await fetch('http://127.0.0.1:' + server.address().port + path)
    answers.push({ status: answer.status, text: await answer.text() })
  }
  server.close()
  await middleware.close()
  return answers
}
`
const report = (load: string): string => `
const { scenario } = require('./scenario.cjs')
const entrances = process.argv.slice(2)
Promise.all(entrances.map(async (name) => [name, await ${load}(name)])).then(async (loaded) => {
  const names = loaded.map(([name, all]) => [name, Object.keys(all).sort()])
  const answers = await scenario(loaded[0][1])
  console.log(JSON.stringify({ node: process.version, names: Object.fromEntries(names), answers }))
})
`

describe('the built package, outside of Jest', () => {
  let folder: string

  beforeAll(async () => {
    folder = await temporaryFolder('package-runtime')
    const files = {
      'scenario.cjs': scenario,
      'require.cjs': report('require'),
      'import.cjs': report('import'),
    }
    const tarball = await pack(folder)
    const peers = await pinned('@opentelemetry/api')
    await Promise.all([
      installNodeLines(),
      makeProject(join(folder, 'app'), files, [tarball, ...peers]),
      makeProject(join(folder, 'without-peers'), files, [tarball]),
    ])
  }, 300_000)

  afterAll(() => rm(folder, { recursive: true }))

  describe.each(nodeLines)('on Node %s', (line) => {
    it.each(['require', 'import'])('works through %s', async (way) => {
      const script = [`${way}.cjs`, ...Object.keys(exported)]
      const printed = await run(nodeOfLine(line), script, { cwd: join(folder, 'app') })
      const { node, names, answers } = JSON.parse(printed)
      expect(`${node}.`).toMatch(new RegExp(`^v${line.replace('.', '\\.')}\\.`))
      expect(names).toEqual(exported)
      expect(answers).toEqual([
        { status: 200, text: 'undefined' },
        { status: 503, text: 'ERR_PROVIDER_UNAVAILABLE' },
      ])
    })
  })

  it('works where OpenTelemetry is not installed, which its own entrance asks for', async () => {
    const cwd = join(folder, 'without-peers')
    const entrances = Object.keys(exported).filter((name) => !name.endsWith('/opentelemetry'))
    const printed = await run(process.execPath, ['import.cjs', ...entrances], { cwd })
    expect(Object.keys(JSON.parse(printed).names)).toEqual(entrances)
    const asking = run(process.execPath, ['import.cjs', 'express-oauth-client/opentelemetry'], {
      cwd,
    })
    await expect(asking).rejects.toThrow("Cannot find package '@opentelemetry/api'")
  })
})
