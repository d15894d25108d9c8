import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { forbidStoring, sendError, sendPage } from '../lib/error-page.ts'
import { errorCodes, OAuthError, publicMessage } from '../lib/errors.ts'
import { closeAfterEach } from './support/cleanups.ts'
import { exchange, type Reply } from './support/exchange.ts'

const closing = closeAfterEach()
const environment = process.env['NODE_ENV']
afterEach(() => {
  process.env['NODE_ENV'] = environment
})

const browser = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const script = { accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }

async function ask(listener: RequestListener, headers: Record<string, string>): Promise<Reply> {
  const server = createServer(listener)
  closing({ close: () => server.close() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return exchange({ method: 'GET', url: new URL(`http://127.0.0.1:${port}/`), headers })
}

const nothingMore = { actions: [], problem: {} }
const shown = (
  error: OAuthError,
  headers: Record<string, string>,
  more: Parameters<typeof sendError>[3] = nothingMore,
) => ask((req, res) => sendError(req, res, error, more), headers)

describe('a page', () => {
  it('allows its own style and nothing else, and is neither stored nor framed', async () => {
    const { status, headers, body } = await ask(
      (_req, res) => sendPage(res, 200, 'Sign out?', '<p>Really?</p>'),
      browser,
    )
    const style = /<style>(.*)<\/style>/s.exec(body)?.[1] ?? ''
    const digest = createHash('sha256').update(style).digest('base64')
    const policy = String(headers['content-security-policy'])
    expect(status).toBe(200)
    expect(policy.split('; ')).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        `style-src 'sha256-${digest}'`,
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ]),
    )
    expect(policy).not.toMatch(/unsafe|\*/)
    expect(headers).toMatchObject({
      'cache-control': 'private, no-store',
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      vary: 'Cookie',
    })
    expect(body).toContain('<p>Really?</p>')
    expect(body).not.toMatch(/<script|https?:|\sstyle=|\son\w+=/)
  })

  it('escapes its title', async () => {
    const { body } = await ask((_req, res) => sendPage(res, 200, '<b>"x"', ''), browser)
    expect(body).toContain('&lt;b&gt;&quot;x&quot;')
    expect(body).not.toContain('<b>')
  })
})

describe('forbidStoring', () => {
  it.each([
    [undefined, 'Cookie'],
    ['Accept-Encoding', 'Accept-Encoding, Cookie'],
    ['Cookie', 'Cookie'],
    ['Accept, cookie', 'Accept, cookie'],
  ])('with Vary %j leaves %j', async (before, after) => {
    const { headers } = await ask((_req, res) => {
      if (before) res.setHeader('Vary', before)
      forbidStoring(res)
      forbidStoring(res)
      res.end()
    }, {})
    expect(headers.vary).toBe(after)
  })
})

describe('an error', () => {
  it.each(errorCodes)('%s is a page to a person and problem+json to a program', async (code) => {
    const error = new OAuthError(code, { flow: 'flow-1' })
    const page = await shown(error, browser)
    expect(page.status).toBe(error.status)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.body).toContain(code)
    expect(page.body).toContain('flow-1')

    const problem = await shown(error, script)
    expect(problem.status).toBe(error.status)
    expect(problem.headers['content-type']).toBe('application/problem+json')
    expect(problem.headers['cache-control']).toBe('private, no-store')
    expect(JSON.parse(problem.body)).toMatchObject({
      status: error.status,
      title: expect.any(String),
      detail: publicMessage(code),
      code,
    })
  })

  it('escapes everything that somebody else wrote', async () => {
    const hostile = `"><img src=x onerror=alert(1)>'&`
    const error = new OAuthError('ERR_LOGIN_CANCELLED', { detail: hostile, flow: hostile })
    const { body } = await shown(error, browser, {
      actions: [{ text: hostile, href: `/login?return_to=${hostile}` }],
      problem: {},
    })
    expect(body).not.toMatch(/<img/)
    expect(body.match(/&lt;img src=x onerror=alert\(1\)&gt;/g)?.length).toBeGreaterThanOrEqual(4)
  })

  it('tells its detail to the developer, and in production to nobody', async () => {
    const error = new OAuthError('ERR_STATE_UNKNOWN', { detail: 'only-for-the-log' })
    expect((await shown(error, browser)).body).toContain('only-for-the-log')
    process.env['NODE_ENV'] = 'production'
    expect((await shown(error, browser)).body).not.toContain('only-for-the-log')
    expect((await shown(error, script)).body).not.toContain('only-for-the-log')
  })

  it('never tells its detail to a script', async () => {
    const error = new OAuthError('ERR_STATE_UNKNOWN', { detail: 'only-for-the-log' })
    expect((await shown(error, script)).body).not.toContain('only-for-the-log')
  })

  it.each([
    [5, '5'],
    [0.2, '1'],
    [undefined, undefined],
  ])('with retryAfter %j says Retry-After: %j', async (retryAfter, expected) => {
    const facts = retryAfter === undefined ? {} : { retryAfter }
    const { headers } = await shown(new OAuthError('ERR_PROVIDER_UNAVAILABLE', facts), script)
    expect(headers['retry-after']).toBe(expected)
  })

  it('offers what can be done next', async () => {
    const { body } = await shown(new OAuthError('ERR_LOGIN_REQUIRED'), browser, {
      actions: [
        { text: 'Sign in', href: '/login?return_to=%2F&x=y' },
        { text: 'Home', href: '/' },
      ],
      problem: {},
    })
    expect(body).toMatch(/<a [^>]*href="\/login\?return_to=%2F&amp;x=y">Sign in<\/a>/)
    expect(body).toMatch(/<a [^>]*href="\/">Home<\/a>/)
  })

  it('has further members for programs', async () => {
    const { body } = await shown(new OAuthError('ERR_LOGIN_REQUIRED'), script, {
      actions: [],
      problem: { login_url: '/login' },
    })
    expect(JSON.parse(body)).toMatchObject({ login_url: '/login' })
  })
})
