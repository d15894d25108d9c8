import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import type { OAuthOptions } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import type { Answer } from '../support/faults.ts'
import type { Front } from '../support/front.ts'
import { startProvider } from '../support/real-provider.ts'
import { startResourceServer } from '../support/resource-server.ts'
import { startScriptedProvider } from '../support/scripted-provider.ts'
import { createUserAgent, type UserAgent } from '../support/user-agent.ts'
import { lookAt, type Looker } from './inspected.ts'
import { formsOf, leaksIn } from './leaks.ts'

const closing = closeAfterEach()
const script = fileURLToPath(new URL('leak-child.js', import.meta.url))

interface Site {
  readonly url: string
  readonly agent: UserAgent
  readonly look: Looker
  visit(path: string): Promise<unknown>
  /** Everything that was written down anywhere. */
  written(): Promise<Map<string, string>>
}

/** The built package in a process of its own, with its debug log on. */
async function startSite(config: OAuthOptions, apiUrl: string): Promise<Site> {
  const child = fork(script, {
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '', NODE_DEBUG: 'express-oauth-client' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const ended = once(child, 'exit')
  closing({
    async close() {
      child.kill('SIGKILL')
      await ended
    },
  })
  const output = [child.stdout, child.stderr].map((stream) => {
    let text = ''
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    return () => text
  })
  const { port } = await ask<{ port: number }>(child, { config, apiUrl })
  const url = `http://127.0.0.1:${port}`
  const agent = createUserAgent()
  const look = lookAt(`${url}/oauth-inspector`)
  return {
    url,
    agent,
    look,
    visit: (path) => agent.visit(url + path),
    async written() {
      const collected = await ask<Record<string, string[]>>(child, 'collect')
      const places = new Map([
        ...Object.entries(collected).map(([name, texts]) => [name, texts.join('\n')] as const),
        ['standard output', output[0]?.() ?? ''],
        ['standard error', output[1]?.() ?? ''],
        ['list', (await look.get('/')).body],
      ])
      for (const { id, kind } of await look.flows()) {
        for (const extension of ['', '.json', '.svg', '.mmd']) {
          const { body } = await look.get(`/flows/${id}${extension}`)
          places.set(`${kind} ${id}${extension}`, body)
        }
      }
      return places
    },
  }
}

async function ask<T>(child: ChildProcess, message: object | string): Promise<T> {
  const answer = once(child, 'message')
  child.send(message)
  const [value] = (await answer) as [T]
  return value
}

/** All that passed the browser or the provider and is nobody else's business. */
function secretsOf({ agent }: Site, front: Front, clientSecret: string): Map<string, string> {
  const secrets = new Map([...front.secrets].map((secret) => [secret, 'sent to the provider']))
  secrets.set(clientSecret, 'client secret')
  for (const { location, setCookies, url } of agent.history) {
    const addresses = [url, ...(location ? [new URL(location, url)] : [])]
    for (const { searchParams } of addresses) {
      for (const name of ['state', 'nonce', 'code', 'id_token_hint']) {
        const value = searchParams.get(name)
        if (value) secrets.set(value, name)
      }
    }
    for (const cookie of setCookies) {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=')
      if (value.length < 16) continue
      secrets.set(decodeURIComponent(value), `cookie ${name}`)
      const sessionId = /^s:([^.]+)\./.exec(decodeURIComponent(value))?.[1]
      if (sessionId) secrets.set(sessionId, 'session id')
    }
  }
  return secrets
}

async function expectNoLeak(site: Site, secrets: ReadonlyMap<string, string>): Promise<void> {
  const places = await site.written()
  const leaks = [...places].flatMap(([place, text]) =>
    leaksIn(text, secrets).map((leak) => `${place}: ${leak}`),
  )
  expect(leaks).toEqual([])
}

const refusal = (status: number, body: object): Answer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

test('the search finds a secret in each of its forms', () => {
  const secret = 'a secret/with+signs&<more>? 0123456789'
  const secrets = new Map([[secret, 'it']])
  for (const [name, form] of formsOf(secret)) {
    expect({ name, leaks: leaksIn(`before ${form} after`, secrets).length }).toEqual({
      name,
      leaks: expect.any(Number),
    })
    expect(leaksIn(`before ${form} after`, secrets)).not.toEqual([])
  }
  const basic = Buffer.from(`client:${secret}`).toString('base64')
  expect(leaksIn(`Authorization: Basic ${basic}`, secrets)).not.toEqual([])
  expect(leaksIn('nothing of the kind', secrets)).toEqual([])
})

test('a whole visit leaves no secret in an event, page, export, log, error, span or metric', async () => {
  const provider = closing(await startProvider({ interaction: 'page' }))
  const api = closing(await startResourceServer(provider.accountOf))
  const { clientId, clientSecret, issuer } = provider
  const site = await startSite({ clientId, clientSecret, issuer, userinfo: true }, api.url)
  provider.registerApp(site.url)

  await site.visit('/photos')
  await site.visit('/fresh')
  api.front.faults.add(
    { path: '/v1/albums', times: 1 },
    { kind: 'answer', answer: { status: 401 } },
  )
  await site.visit('/albums')
  await site.agent.post(`${site.url}/logout`)
  provider.deny()
  await site.visit('/photos')

  const flows = await site.look.flows()
  const kinds = flows.map(({ kind, outcome }) => `${kind} ${outcome}`)
  expect(kinds.toSorted()).toEqual([
    'api done',
    'login done',
    'login failed',
    'logout done',
    'refresh done',
    'refresh done',
  ])
  const secrets = secretsOf(site, provider.front, clientSecret)
  const named = new Set(secrets.values())
  expect([...named]).toEqual(
    expect.arrayContaining(['client secret', 'state', 'nonce', 'code', 'session id']),
  )
  expect(secrets.size).toBeGreaterThan(20)
  const places = await site.written()
  expect(places.get('standard error')).toMatch(/EXPRESS-OAUTH-CLIENT \d+: login .*signed in after/)
  expect(places.get('standard error')).toContain('| ERR_LOGIN_CANCELLED')
  expect(places.get('standard output')).toContain('[redacted]')
  for (const name of ['login.callback', 'refresh', 'logout', 'store create']) {
    expect(places.get('names')?.split('\n')).toContain(`oauth.${name}`)
  }
  expect(places.get('metrics')).toContain('http.client.request.duration')
  await expectNoLeak(site, secrets)
})

test('flows that fail leave no secret either, even where the provider repeats what it was sent', async () => {
  const provider = closing(
    await startScriptedProvider({ refresh: true, authMethod: 'client_secret_post' }),
  )
  const api = closing(await startResourceServer(provider.accountOf))
  const { clientId, clientSecret, issuer } = provider
  const site = await startSite({ clientId, clientSecret, issuer }, api.url)
  provider.registerApp(site.url)
  const { faults } = provider.front

  const marked = 'a-code/with+every kind=of&sign%20<b> 0123456789'
  const stopped = await site.agent.visit(`${site.url}/photos`, {
    stopBefore: ({ pathname }) => pathname === '/callback',
  })
  const tampered = new URL(stopped.pending?.url ?? '')
  tampered.searchParams.set('code', marked)
  tampered.searchParams.set('session_state', 'something-long-and-private-0123456789')
  await site.agent.visit(tampered)
  await createUserAgent().visit(tampered)

  // A provider that tells in its error what it got.
  for (const status of [400, 401]) {
    provider.script({
      tokens: (body) => ({ ...body, token_type: undefined, access_token: undefined }),
    })
    await site.visit('/photos')
    provider.script({})
    faults.add(
      { path: '/token', grantType: 'authorization_code', times: 1 },
      {
        kind: 'change',
        change: ({ body = '' }) =>
          refusal(status, {
            error: status === 400 ? 'invalid_grant' : 'invalid_client',
            error_description: `${[...provider.front.secrets].slice(-2).join(' ')} ${clientSecret}?`,
            sent: body,
          }),
      },
    )
    await site.visit('/photos')
  }
  await site.visit('/photos')
  faults.add(
    { path: '/token', grantType: 'refresh_token', times: 1 },
    {
      kind: 'change',
      change: () =>
        refusal(400, {
          error: 'invalid_grant',
          error_description: `${[...provider.front.secrets].at(-1)} was used before`,
        }),
    },
  )
  await site.visit('/fresh')

  const outcomes = (await site.look.flows()).map(({ kind, outcome }) => `${kind} ${outcome}`)
  expect(outcomes.filter((one) => one === 'login failed').length).toBeGreaterThanOrEqual(6)
  expect(outcomes).toContain('refresh failed')
  const secrets = secretsOf(site, provider.front, clientSecret)
  secrets.set(marked, 'marked code')
  secrets.set('something-long-and-private-0123456789', 'session_state')
  await expectNoLeak(site, secrets)
})
