import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { transform } from '@swc/core'
import { WebSocket } from 'ws'
import { readCodeBlocks } from '../package/code-blocks.ts'
import { eventually, freePort, startChild, type Child } from '../support/child-server.ts'
import { startScriptedProvider, type ScriptedProvider } from '../support/scripted-provider.ts'
import { createUserAgent } from '../support/user-agent.ts'

/** What Node can run of the only example of the page. */
async function exampleOf(document: string): Promise<string> {
  const [block] = await readCodeBlocks(document)
  const { code } = await transform(block?.code ?? '', {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
    module: { type: 'es6' },
  })
  return code
}

describe('the example of docs/websockets.md', () => {
  let provider: ScriptedProvider
  let app: Child
  let url: string

  beforeAll(async () => {
    provider = await startScriptedProvider({ authMethod: 'client_secret_post' })
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    provider.registerApp(url)
    app = startChild(
      process.execPath,
      ['--input-type=module', '--eval', await exampleOf('docs/websockets.md')],
      {
        env: {
          ...process.env,
          NODE_OPTIONS: '',
          OAUTH_ISSUER: provider.issuer,
          OAUTH_CLIENT_ID: provider.clientId,
          OAUTH_CLIENT_SECRET: provider.clientSecret,
          OAUTH_BASE_URL: url,
          OAUTH_SECRET: 'the-secret-of-an-app-with-sockets-0123456789',
          SESSION_SECRET: 'the-secret-of-the-apps-own-session-cookie',
          PORT: String(port),
        },
      },
    )
    const answers = () =>
      fetch(url).then(
        () => true,
        () => false,
      )
    await eventually(`the example listens: ${app.output()}`, async () => {
      if (app.exited()) throw new Error(app.output())
      return answers()
    })
  })

  afterAll(async () => {
    await app?.end('SIGKILL')
    await provider?.close()
  })

  /** The handshake of a browser; resolves with the socket, or with the status of a refusal. */
  async function open(cookie: string, origin = url): Promise<WebSocket | number> {
    const ws = new WebSocket(url.replace('http:', 'ws:'), { origin, headers: { cookie } })
    return new Promise((resolve, reject) => {
      ws.once('open', () => resolve(ws))
      ws.once('error', reject)
      ws.once('unexpected-response', (_request, response) => {
        resolve(response.statusCode ?? 0)
        response.destroy()
      })
    })
  }

  async function signIn() {
    const agent = createUserAgent()
    await agent.visit(`${url}/login`)
    const cookie = `connect.sid=${(await agent.cookies.of(url)).get('connect.sid')}`
    return { agent, cookie }
  }

  async function openAs(cookie: string): Promise<WebSocket> {
    const opened = await open(cookie)
    if (typeof opened === 'number') throw new Error(`refused with ${opened}`)
    return opened
  }

  async function say(ws: WebSocket, text: string): Promise<string> {
    const answer = once(ws, 'message')
    ws.send(text)
    const [data] = (await answer) as [Buffer]
    return data.toString()
  }

  test('knows who has opened the socket', async () => {
    const { cookie } = await signIn()
    const ws = await openAs(cookie)
    expect(await say(ws, 'hello')).toBe('alice: hello')
    ws.close()
  })

  test('refuses who is not signed in', async () => {
    expect(await open('')).toBe(401)
    expect(await open('connect.sid=s%3Amade.up')).toBe(401)
  })

  test('refuses pages of other origins, signed in or not', async () => {
    const { cookie } = await signIn()
    expect(await open(cookie, 'http://127.0.0.1:1')).toBe(403)
    expect(await open(cookie, 'https://evil.example')).toBe(403)
  })

  test('closes the socket of who has signed out, and opens no new one', async () => {
    const { agent, cookie } = await signIn()
    const ws = await openAs(cookie)
    expect(await say(ws, 'hello')).toBe('alice: hello')
    await agent.post(`${url}/logout`)
    const closed = once(ws, 'close')
    ws.send('still here?')
    expect((await closed)[0]).toBe(4401)
    expect(await open(cookie)).toBe(401)
  })
})
