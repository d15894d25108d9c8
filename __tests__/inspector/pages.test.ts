import { beforeAll, describe, expect, test } from '@jest/globals'
import { emit } from '../../lib/events.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import type { Journey } from '../support/journey.ts'
import { startInspectedJourney, type Looker } from './inspected.ts'

const closing = closeAfterEach()

async function failedLogin(): Promise<{ look: Looker; id: string; journey: Journey }> {
  const journey = closing(await startInspectedJourney())
  journey.provider.deny()
  await journey.visit('/photos')
  const { inspector: look } = journey
  return { look, id: (await look.report('login')).flow, journey }
}

const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found)

describe('the pages', () => {
  let pages: ReadonlyArray<{ name: string; body: string; headers: Headers }>
  let diagram: string

  beforeAll(async () => {
    const journey = await startInspectedJourney()
    journey.provider.deny()
    await journey.visit('/photos')
    const { inspector: look } = journey
    const { flow } = await look.report('login')
    const read = async (name: string, path: string) => ({ name, ...(await look.get(path)) })
    pages = [
      await read('list', '/'),
      await read('flow', `/flows/${flow}`),
      await read('gone', '/flows/nothing'),
    ]
    diagram = pages[1]?.body ?? ''
    await journey.close()
  })

  test('run and show nothing but the files of the inspector', () => {
    for (const { body, headers, name } of pages) {
      const policy = headers.get('content-security-policy') ?? ''
      expect({ name, policy }).toEqual({
        name,
        policy: expect.stringMatching(/^default-src 'none'; script-src 'self'; style-src 'self';/),
      })
      expect(policy).not.toContain('unsafe')
      expect(policy).toContain("frame-ancestors 'none'")
      expect(headers.get('cache-control')).toBe('private, no-store')
      expect(body).not.toMatch(/<style|<script(?![^>]* src=)|\sstyle=|\son\w+=|javascript:/i)
    }
  })

  test('have a language, a title, one main heading, landmarks and a way past the header', () => {
    for (const { body, name } of pages) {
      expect({ name, headings: all(body, /<(h1)>/g) }).toEqual({ name, headings: ['h1'] })
      expect(body).toContain('<html lang="en">')
      expect(body).toMatch(/<title>[^<]+<\/title>/)
      expect(body).toContain('<a class="skip" href="#main">')
      expect(body).toContain('<main id="main" tabindex="-1">')
    }
  })

  test('have unique ids, and every reference to one leads somewhere', () => {
    for (const { body } of pages) {
      const ids = all(body, /\sid="([^"]+)"/g)
      expect(ids).toEqual([...new Set(ids)])
      const referred = [
        ...all(body, /href="#([^"]+)"/g),
        ...all(body, /aria-labelledby="([^"]+)"/g).flatMap((list) => list.split(' ')),
      ]
      expect(referred.filter((id) => !ids.includes(id))).toEqual([])
    }
  })

  test('give every diagram a name and a description, and say the same as a list', () => {
    const svgs = all(diagram, /<svg[^>]*class="diagram[^"]*"([^>]*)>/g)
    expect(svgs).toHaveLength(2)
    for (const attributes of svgs) expect(attributes).toMatch(/role="img" aria-labelledby=/)
    expect(diagram).toMatch(/<desc[^>]*>11 steps between Browser, This app, .*It failed at step \d/)
    expect(all(diagram, /<li id="(step-\d+)"/g)).toHaveLength(11)
    expect(diagram).toContain('role="status"')
  })

  test('name code, cause, fix and section of the failing step', () => {
    const panel = /<section class="failure-panel"[^]*?<\/section>/.exec(diagram)?.[0] ?? ''
    expect(panel).toContain('ERR_LOGIN_CANCELLED')
    expect(all(panel, /<dt>(\w+)<\/dt>/g)).toEqual(['Seen', 'Cause', 'Fix', 'Read'])
    expect(panel).toContain('https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1')
    expect(panel).toContain('docs/errors.md#err_login_cancelled')
  })
})

test('what others wrote is shown as text', async () => {
  const { look } = await failedLogin()
  const hostile = '<script>alert(1)</script>"\'&;#%%\n-->'
  emit('login.started', 'hostile', () => ({
    facts: { method: hostile, path: hostile, returnTo: hostile },
  }))
  emit('login.failed', 'hostile', () => ({
    error: 'ERR_LOGIN_REFUSED',
    facts: { detail: hostile, parameters: [`${hostile}: ${hostile}`] },
  }))
  const answers = ['/', '/flows/hostile', '/flows/hostile.svg'].map((path) => look.get(path))
  for (const { body } of await Promise.all(answers)) {
    expect(body).toContain('&lt;script&gt;')
    expect(body).not.toContain('<script>alert')
  }
  const { body } = await look.get('/flows/hostile.mmd')
  expect(body).toContain('#lt;script#gt;')
  expect(body.split('\n').filter((line) => line.trim() === '--#gt;')).toEqual([])
})

describe('the exports', () => {
  test('are downloads that bring no page of their own', async () => {
    const { id, look } = await failedLogin()
    const types = { json: 'application/json', mmd: 'text/plain', svg: 'image/svg+xml' }
    for (const [extension, type] of Object.entries(types)) {
      const { headers } = await look.get(`/flows/${id}.${extension}`)
      expect(headers.get('content-type')).toMatch(type)
      expect(headers.get('content-disposition')).toBe(
        `attachment; filename="login-${id}.${extension}"`,
      )
      expect(headers.get('content-security-policy')).toMatch("default-src 'none'")
    }
  })

  test('as Mermaid are a sequence diagram with every step and the failure', async () => {
    const { id, look } = await failedLogin()
    const { body } = await look.get(`/flows/${id}.mmd`)
    const [first, second, ...lines] = body
      .trimEnd()
      .split('\n')
      .map((line) => line.trim())
    expect([first, second]).toEqual(['sequenceDiagram', 'autonumber'])
    const statement =
      /^(?:(?:actor|participant) \w+ as [\w ]+|\w+-?-(?:>>|x)\w+: [^;]*(?:;[^;]*)*|Note over \w+(?:,\w+)?: .+|opt \w+|end)$/
    expect(lines.filter((line) => !statement.test(line))).toEqual([])
    expect(body.match(/;(?<!#\w+;)/g)).toBeNull()
    expect(body).toContain('browser-xapp: ✕ GET /callback<br/>error: access_denied')
    expect(body).toContain('ERR_LOGIN_CANCELLED')
  })

  test('as SVG bring their own style for light and dark', async () => {
    const { id, look } = await failedLogin()
    const { body } = await look.get(`/flows/${id}.svg`)
    expect(body).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/)
    expect(body).toContain('prefers-color-scheme: dark')
    expect(body).toMatch(/<title[^>]*>Sequence diagram: Login /)
    const opened = all(body, /<(\w+)(?:\s[^>]*[^/])?>/g).length
    expect(opened).toBe(all(body, /<\/(\w+)>/g).length)
  })

  test('as JSON hold steps and events, and no time of day', async () => {
    const { id, look } = await failedLogin()
    const report = JSON.parse((await look.get(`/flows/${id}.json`)).body)
    expect(report).toMatchObject({
      package: 'express-oauth-client',
      kind: 'login',
      outcome: 'failed',
      error: 'ERR_LOGIN_CANCELLED',
    })
    expect(report.events[0]).toMatchObject({ at: 0, name: 'login.started' })
    expect(JSON.stringify(report)).not.toContain(String(Date.now()).slice(0, 7))
  })
})
