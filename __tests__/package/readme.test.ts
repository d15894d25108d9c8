import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startExample } from '../../example-app/start.js'
import { eventually, freePort, startChild } from '../support/child-server.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { createUserAgent } from '../support/user-agent.ts'
import { readCodeBlocks } from './code-blocks.ts'
import { installNodeLines, nodeLines, nodeOfLine } from './node-lines.ts'
import { makeProject, pack, pinned, temporaryFolder } from './packed.ts'

const answers = (url: string) => (): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )

describe('the first code of the README, in an empty folder', () => {
  let folder: string
  let port: number
  let url: string
  let example: Awaited<ReturnType<typeof startExample>>
  const opened = closeAfterEach()

  beforeAll(async () => {
    folder = await temporaryFolder('readme')
    port = await freePort()
    url = `http://localhost:${port}`
    example = await startExample({ ownAppUrl: url })
    const [first] = await readCodeBlocks('README.md')
    const packages = [await pack(folder), ...(await pinned('express'))]
    await Promise.all([
      installNodeLines(),
      makeProject(join(folder, 'app'), { 'app.mjs': first?.code ?? '' }, packages),
    ])
  }, 300_000)

  afterAll(async () => {
    await example.close()
    await rm(folder, { recursive: true })
  })

  it.each(nodeLines)('signs a person in at the example’s provider, on Node %s', async (line) => {
    const env = { PORT: String(port), OAUTH_ISSUER: example.urls.provider, OAUTH_BASE_URL: url }
    const app = startChild(nodeOfLine(line), ['app.mjs'], { cwd: join(folder, 'app'), env })
    opened({ close: () => app.end('SIGTERM') })
    await eventually('the app answers', answers(url))

    const agent = createUserAgent()
    const signIn = await agent.visit(`${url}/hello`)
    expect(signIn.url.origin).toBe(example.urls.provider)

    const [form] = signIn.body.match(/(?<=<form method="post" action=")[^"]+/) ?? []
    const person = { user: 'ada', password: 'analytical-engine' }
    const hello = await agent.post(new URL(form ?? '', signIn.url), person)
    expect(hello.url.href).toBe(`${url}/hello`)
    expect(hello.json()).toEqual({ hello: 'Ada Lovelace' })
    expect((await agent.visit(url)).body).toBe('You are signed in.')
  })
})
