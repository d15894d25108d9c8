import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, test } from '@jest/globals'
import { readConfig } from '../lib/config.ts'
import { eventNames, newCall, type FlowEvent } from '../lib/events.ts'
import { createProviderFetch } from '../lib/provider-http.ts'
import { createTokenVault } from '../lib/tokens/token-vault.ts'
import { closeAfterEach } from './support/cleanups.ts'
import { unreliableTokenStore } from './support/unreliable.ts'

const closing = closeAfterEach()

/** Events about calls from now on. */
function collectCalls(): readonly FlowEvent[] {
  const events: FlowEvent[] = []
  const collect = (event: unknown) => void events.push(event as FlowEvent)
  const channels = eventNames
    .filter((name) => /^(provider|store)\./.test(name))
    .map((name) => `express-oauth-client:${name}`)
  for (const channel of channels) subscribe(channel, collect)
  closing({
    close() {
      for (const channel of channels) unsubscribe(channel, collect)
    },
  })
  return events
}

async function startServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing({
    close() {
      server.close()
      server.closeAllConnections()
    },
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const namesOf = (events: readonly FlowEvent[]) => events.map(({ name }) => name)

describe('a call to the provider', () => {
  test('is told with its address but not its query, and with its status', async () => {
    const events = collectCalls()
    const origin = await startServer((_req, res) => void res.writeHead(404).end())
    const fetch = createProviderFetch(undefined, 5)
    await fetch(`${origin}/token?code=secret`, { method: 'POST' })
    const facts = { attempt: 1, method: 'POST', origin, path: '/token' }
    expect(events).toEqual([
      { name: 'provider.requested', flow: expect.any(String), time: expect.any(Number), facts },
      {
        name: 'provider.completed',
        flow: events[0]?.flow,
        time: expect.any(Number),
        duration: expect.any(Number),
        facts: { ...facts, status: 404 },
      },
    ])
    expect(events[1]?.duration).toBeGreaterThan(0)
  })

  test('that is tried again is told as two calls', async () => {
    const events = collectCalls()
    const origin = await startServer((req) => req.socket.destroy())
    await expect(createProviderFetch(undefined, 5)(`${origin}/jwks`)).rejects.toMatchObject({
      fault: 'unreachable',
    })
    expect(namesOf(events)).toEqual([
      'provider.requested',
      'provider.failed',
      'provider.requested',
      'provider.failed',
    ])
    expect(events.map(({ facts }) => facts['attempt'])).toEqual([1, 1, 2, 2])
    expect(new Set(events.map(({ flow }) => flow)).size).toBe(2)
    expect(events[1]?.facts).toMatchObject({ fault: 'unreachable' })
  })

  test.each([
    ['timeout', () => {}],
    ['too-large', (_req, res) => void res.end(Buffer.alloc(2 * 1024 * 1024))],
  ] satisfies ReadonlyArray<[string, RequestListener]>)(
    'that gives nothing to work with is told with its fault: %s',
    async (fault, answer) => {
      const events = collectCalls()
      const origin = await startServer(answer)
      const fetch = createProviderFetch(undefined, fault === 'timeout' ? 0.2 : 5)
      await expect(fetch(`${origin}/token`, { method: 'POST' })).rejects.toMatchObject({ fault })
      expect(namesOf(events)).toEqual(['provider.requested', 'provider.failed'])
      expect(events[1]?.facts['fault']).toBe(fault)
    },
  )
})

describe('a call to the token store', () => {
  const vaultOf = (tokens: ReturnType<typeof unreliableTokenStore>) =>
    createTokenVault(
      readConfig({
        issuer: 'https://idp.example.com',
        clientId: 'photo-editor',
        clientSecret: 'the-client-secret',
        baseUrl: 'https://app.example.com',
        secret: 'the-sealing-secret-of-at-least-32-characters',
      }),
      tokens.store,
    )

  test('is told with what was asked, how long it took and whether it failed', async () => {
    const events = collectCalls()
    const tokens = unreliableTokenStore()
    const vault = vaultOf(tokens)
    expect(await vault.readStored('unknown')).toBeUndefined()
    tokens.mood = 'failing'
    await expect(vault.remove('other')).rejects.toMatchObject({
      code: 'ERR_TOKEN_STORE_UNAVAILABLE',
    })
    const told = events.map(({ error, facts, name }) => [name, facts['operation'], error])
    expect(told).toEqual([
      ['store.requested', 'read', undefined],
      ['store.completed', 'read', undefined],
      ['store.requested', 'remove', undefined],
      ['store.failed', 'remove', 'ERR_TOKEN_STORE_UNAVAILABLE'],
    ])
    expect(events.map(({ duration }) => typeof duration)).toEqual([
      'undefined',
      'number',
      'undefined',
      'number',
    ])
    const [first, second, third, fourth] = events.map(({ flow }) => flow)
    expect([first, third]).toEqual([second, fourth])
    expect(first).not.toBe(third)
  })
})

test('a call that nobody listens to gets no id', () => {
  expect(newCall('store')).toBe('')
  collectCalls()
  expect(newCall('store')).not.toBe('')
})
