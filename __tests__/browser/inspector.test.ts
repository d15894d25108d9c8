import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startExample } from '../../example-app/start.js'
import { inspector } from '../../lib/inspector/index.ts'
import { describeWithChromium, launchChromium } from '../support/browser.ts'
import { startJourney, type Journey } from '../support/journey.ts'

const screenshots = join('artifacts', 'screenshots')
const images = join('docs', 'images')
const maxImageBytes = 200 * 1024
/** `UPDATE_IMAGES=1 npm test` writes the pictures of the documentation anew. */
const updating = Boolean(process.env['UPDATE_IMAGES'])

describeWithChromium('the flow inspector in a real browser', () => {
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let journey: Journey
  let inspect: ReturnType<typeof inspector>
  let blocked: string[]

  beforeAll(async () => {
    mkdirSync(screenshots, { recursive: true })
    browser = await launchChromium()
  })

  afterAll(() => browser.close())

  beforeEach(async () => {
    inspect = inspector()
    journey = await startJourney({
      before: [inspect],
      provider: { host: 'localhost' },
    })
    context = await browser.newContext({ baseURL: journey.app.url })
    context.setDefaultTimeout(10_000)
    page = await context.newPage()
    blocked = []
    page.on('pageerror', (error) => blocked.push(error.message))
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) blocked.push(message.text())
    })
  })

  afterEach(async () => {
    await context.close()
    inspect.close()
    await journey.close()
    if (blocked.length > 0) throw new Error(blocked.join('\n'))
  })

  /** Goes to a page of the app, by way of the provider where that is needed. */
  const signInTo = async (path: string) => {
    await page.goto(path)
    await page.waitForURL(journey.app.url + path)
  }

  const openFlow = async (name: RegExp) => {
    await page.goto('/oauth-inspector/')
    await page.getByRole('link', { name }).first().click()
    await page.getByRole('heading', { level: 1, name }).waitFor()
  }

  async function photograph(name: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const [width, height] of [
        [390, 844],
        [1280, 900],
      ] as const) {
        await page.setViewportSize({ width, height })
        const path = join(screenshots, `inspector-${name}-${colorScheme}-${width}.png`)
        await page.screenshot({ path, fullPage: true })
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
        expect({ name, width, overflow }).toEqual({ name, width, overflow: 0 })
      }
    }
  }

  test('draws a login that went well', async () => {
    await signInTo('/albums')
    await openFlow(/^Login/)
    expect(await page.getByRole('img', { name: /Sequence diagram: Login/ }).count()).toBe(1)
    await photograph('login')
  })

  test('draws where a login failed, what was the cause and what is to be done', async () => {
    journey.provider.front.faults.add(
      { path: '/token', times: 1 },
      {
        kind: 'answer',
        answer: {
          status: 401,
          headers: { 'content-type': 'application/json' },
          body: '{"error":"invalid_client","error_description":"client authentication failed"}',
        },
      },
    )
    await page.goto('/albums')
    await page.getByRole('link', { name: 'See what happened' }).click()
    await page.getByRole('heading', { level: 1, name: /Login/ }).waitFor()
    expect(await page.locator('.failure-panel').textContent()).toContain('ERR_CLIENT_REJECTED')
    await photograph('failed-login')
  })

  test('draws the refresh and the second try within a call to an API', async () => {
    await signInTo('/photos')
    journey.api.front.faults.add(
      { path: '/v1/albums', times: 1 },
      { kind: 'answer', answer: { status: 401 } },
    )
    await page.goto('/albums')
    await openFlow(/^API call/)
    expect(await page.locator('.only-wide .branch text').allTextContents()).toEqual([
      'refresh',
      'retry',
    ])
    await photograph('api-retry')
    await openFlow(/^Refresh/)
    await photograph('refresh')
    await page.goto('/oauth-inspector/')
    await photograph('list')
  })

  test('shows a login while it runs, without loading the page anew', async () => {
    const hold = journey.provider.holdTokens()
    const visitor = await context.newPage()
    const landed = visitor.goto('/photos')
    await hold.arrived

    await openFlow(/^Login/)
    await page.getByRole('heading', { level: 3, name: 'waiting for the answer' }).waitFor()
    await photograph('running')
    await page.evaluate('window.untouched = true')

    hold.release()
    await landed
    await page.getByRole('status').filter({ hasText: 'done after' }).waitFor()
    await page.getByRole('heading', { level: 3, name: '303 to /photos' }).waitFor()
    expect(await page.evaluate('window.untouched')).toBe(true)
  })

  test('can be read and walked through with the keyboard', async () => {
    await signInTo('/photos')
    await page.goto('/oauth-inspector/')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: /Login/ }).waitFor()
    const steps = page
      .getByRole('listitem')
      .filter({ has: page.getByRole('heading', { level: 3 }) })
    expect(await steps.count()).toBeGreaterThan(12)
  })
})

describeWithChromium('the pictures of the documentation', () => {
  const exported = async (page: Page, name: RegExp): Promise<string> => {
    const link = page.getByRole('link', { name }).first()
    const answer = await fetch(`${page.url()}${await link.getAttribute('href')}.svg`)
    return answer.text()
  }

  test('are exports of what the example does', async () => {
    const ports = { photoEditor: 3000, drive: 3001, provider: 3002 }
    const example = await startExample({ accessTokenTtl: 3600, ...(updating && { ports }) })
    const browser = await launchChromium()
    try {
      const page = await browser.newPage({ baseURL: example.urls.photoEditor })
      await page.goto('/albums')
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByRole('heading', { name: 'Sign-in cancelled' }).waitFor()
      await page.goto('/oauth-inspector/')
      const failed = await exported(page, /^Login.*ERR_LOGIN_CANCELLED/)

      await page.goto('/albums')
      await page.getByRole('radio', { name: /Ada/ }).check()
      await page.getByLabel('Password').fill('analytical-engine')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('heading', { name: 'Your albums' }).waitFor()
      await page.goto('/oauth-inspector/')
      const login = await exported(page, /^Login.*done/)

      for (const [name, svg] of Object.entries({
        'flow-inspector': login,
        'failed-login': failed,
      })) {
        expect(svg).toMatch(/^<svg[^]*GET \/albums[^]*<\/svg>\s*$/)
        expect(svg.length).toBeLessThan(maxImageBytes)
        if (!updating) continue
        mkdirSync(images, { recursive: true })
        writeFileSync(join(images, `${name}.svg`), svg)
      }
    } finally {
      await browser.close()
      await example.close()
    }
  })
})
