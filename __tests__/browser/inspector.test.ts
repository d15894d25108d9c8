import { copyFileSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { inspector } from '../../lib/inspector/index.ts'
import { describeWithChromium, launchChromium } from '../support/browser.ts'
import { startJourney, type Journey } from '../support/journey.ts'
import type { Handler } from '../support/site.ts'

const screenshots = join('artifacts', 'screenshots')
const picture = join('docs', 'images', 'flow-inspector.png')
const maxPictureBytes = 200 * 1024

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
      before: [inspect as Handler],
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

    const figure = page.locator('figure')
    await page.emulateMedia({ colorScheme: 'light' })
    const path = join(screenshots, 'inspector-figure.png')
    await figure.screenshot({ path })
    if (process.env['UPDATE_IMAGES']) {
      mkdirSync(join('docs', 'images'), { recursive: true })
      copyFileSync(path, picture)
    }
    expect(statSync(path).size).toBeLessThan(maxPictureBytes)
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
