import type { RequestListener } from 'node:http'
import { afterEach, describe, expect, test } from '@jest/globals'
import connect from 'connect'
import express from 'express'
import express4 from 'express4'
import { emit } from '../../lib/events.ts'
import { inspectorUrl } from '../../lib/inspector-link.ts'
import { inspector, type InspectorOptions } from '../../lib/inspector/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { listen as listenOnLoopback } from '../support/listen.ts'
import { lookAt } from './inspected.ts'

const closing = closeAfterEach()
const environment = process.env['NODE_ENV']
afterEach(() => {
  process.env['NODE_ENV'] = environment
})

const listen = async (listener: RequestListener) =>
  closing(await listenOnLoopback(() => listener)).url

const open = (options?: InspectorOptions) => closing(inspector(options))

/** The inspector at its own path, with nothing behind it. */
const serve = async (options?: InspectorOptions) => {
  const middleware = open(options)
  const url = await listen((req, res) =>
    middleware(req, res, (error) => res.writeHead(error ? 500 : 404).end('next')),
  )
  return lookAt(`${url}/oauth-inspector`)
}

describe('in production', () => {
  test.each<[string, InspectorOptions]>([
    ['nothing', {}],
    ['a guard', { guard: () => true }],
    ['the dangerous option', { dangerouslyAllowInProduction: true }],
  ])('with %s alone it refuses to start and says how it would', (_title, options) => {
    process.env['NODE_ENV'] = 'production'
    expect(() => inspector(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_INVALID',
        message: expect.stringContaining('dangerouslyAllowInProduction: true, guard:') as unknown,
      }),
    )
  })

  test('with both it starts, for those whom the guard lets in', async () => {
    process.env['NODE_ENV'] = 'production'
    const look = await serve({
      dangerouslyAllowInProduction: true,
      guard: ({ headers }) => headers['x-operator'] === 'yes',
    })
    expect((await look.get('/')).status).toBe(404)
    const answer = await fetch(`${look.url}/`, { headers: { 'x-operator': 'yes' } })
    expect(answer.status).toBe(200)
  })
})

test('a guard keeps everything from whom it refuses, and a failing guard everything from everybody', async () => {
  emit('login.started', 'secret-flow')
  const closed = await serve({ guard: async () => false })
  for (const path of [
    '/',
    '/style.css',
    '/live',
    '/flows/secret-flow',
    '/flows/secret-flow.json',
  ]) {
    const answer = await closed.get(path)
    expect({ path, status: answer.status, body: answer.body }).toEqual({
      path,
      status: 404,
      body: 'Not found\n',
    })
  }
  const broken = await serve({
    guard: () => {
      throw new Error('the guard is ill')
    },
  })
  expect((await broken.get('/')).status).toBe(500)
})

test('an unknown option is refused by name', () => {
  expect(() => inspector({ gard: () => true } as InspectorOptions)).toThrow("unknown option 'gard'")
})

describe('where it is mounted', () => {
  type Mount = (middleware: ReturnType<typeof inspector>) => RequestListener
  const mounts: Array<[title: string, path: string, mount: Mount]> = [
    ['Express 5', '/dev/flows', (one) => express().use('/dev/flows', one)],
    ['Express 4', '/dev/flows', (one) => express4().use('/dev/flows', one)],
    ['Connect', '/dev/flows', (one) => connect().use('/dev/flows', one)],
    ['Express without a path', '/oauth-inspector', (one) => express().use(one)],
    ['Connect without a path', '/oauth-inspector', (one) => connect().use(one)],
    [
      'an Express app in another one',
      '/admin/flows',
      (one) => express().use('/admin', express().use('/flows', one)),
    ],
    [
      'an Express app in another one, without a path',
      '/admin/oauth-inspector',
      (one) => express().use('/admin', express().use(one)),
    ],
  ]

  test.each(mounts)(
    '(%s) it answers, and can be linked to before the first request',
    async (_title, path, mount) => {
      const middleware = open()
      const url = await listen(mount(middleware))
      expect(inspectorUrl('abc')).toBe(`${path}/flows/abc`)

      const look = lookAt(url + path)
      expect((await look.get('')).headers.get('location')).toBe(`${path.split('/').at(-1)}/`)
      expect((await look.get('/')).body).toContain('Flow inspector')
      expect((await look.get('/style.css')).headers.get('content-type')).toMatch('text/css')
      expect((await look.get('/nothing-of-ours')).status).toBe(404)
      expect((await fetch(`${url}/elsewhere`)).status).toBe(404)
      expect(inspectorUrl('abc')).toBe(`${path}/flows/abc`)
    },
  )

  test('on plain http it answers at its own path and leaves the rest alone', async () => {
    const look = await serve()
    expect((await look.get('/')).body).toContain('Flow inspector')
    expect(await (await fetch(new URL('/albums', look.url))).text()).toBe('next')
    expect(inspectorUrl('abc')).toBe('/oauth-inspector/flows/abc')
  })

  test('in a router it is known with its first request', async () => {
    const middleware = open()
    const router = express.Router().use('/flows', middleware)
    const url = await listen(express().use('/dev', router))
    expect(inspectorUrl('abc')).toBeUndefined()
    await lookAt(`${url}/dev/flows`).get('/')
    expect(inspectorUrl('abc')).toBe('/dev/flows/flows/abc')
  })

  test('nobody is led to an inspector that is closed', () => {
    open().close()
    expect(inspectorUrl('abc')).toBeUndefined()
  })
})

test('other methods than GET and HEAD are refused', async () => {
  const { url } = await serve()
  const posted = await fetch(`${url}/`, { method: 'POST' })
  expect({ status: posted.status, allow: posted.headers.get('allow') }).toEqual({
    status: 405,
    allow: 'GET, HEAD',
  })
  const head = await fetch(`${url}/`, { method: 'HEAD' })
  expect({ status: head.status, body: await head.text() }).toEqual({ status: 200, body: '' })
})
