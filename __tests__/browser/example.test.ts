import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startExample } from '../../example-app/start.js'
import { describeWithChromium, launchChromium } from '../support/browser.ts'

const screenshots = join('artifacts', 'screenshots')
const accessTokenTtl = 4

describeWithChromium('the example in a real browser', () => {
  let browser: Browser
  let example: Awaited<ReturnType<typeof startExample>>
  let context: BrowserContext
  let page: Page
  let blocked: string[]

  beforeAll(async () => {
    mkdirSync(screenshots, { recursive: true })
    browser = await launchChromium()
    example = await startExample({ accessTokenTtl })
  })

  afterAll(async () => {
    await browser?.close()
    await example?.close()
  })

  beforeEach(async () => {
    context = await browser.newContext({ baseURL: example.urls.photoEditor })
    context.setDefaultTimeout(10_000)
    page = await context.newPage()
    blocked = []
    page.on('pageerror', (error) => blocked.push(error.message))
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) blocked.push(message.text())
    })
  })

  afterEach(async () => {
    await context?.close()
    if (blocked.length > 0) throw new Error(blocked.join('\n'))
  })

  const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name })
  const menu = (name: string) =>
    page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name })

  async function photograph(name: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      for (const [width, height] of [
        [390, 844],
        [1280, 800],
      ] as const) {
        await page.setViewportSize({ width, height })
        const path = join(screenshots, `${name}-${colorScheme}-${width}.png`)
        await page.screenshot({ path, fullPage: true })
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
        expect({ name, width, overflow }).toEqual({ name, width, overflow: 0 })
      }
    }
  }

  async function signIn(person: RegExp, password: string): Promise<void> {
    await page.getByRole('radio', { name: person }).check()
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }

  async function openAlbumsAs(person: RegExp, password: string): Promise<void> {
    await page.goto('/albums')
    await signIn(person, password)
    await heading('Your albums').waitFor()
  }

  const openAlbumsAsAda = () => openAlbumsAs(/Ada/, 'analytical-engine')
  const tokensSeenByTheDrive = async () => Number(await page.locator('#tokens').textContent())

  test('signs in, opens an album and develops a picture', async () => {
    await page.goto('/')
    await heading('Your pictures, in a better light').waitFor()
    await photograph('home')

    await page.getByRole('link', { name: 'Sign in to your albums' }).click()
    await heading('Sign in').waitFor()
    await photograph('sign-in')
    await signIn(/Ada/, 'a wrong password')
    await page.getByRole('alert').waitFor()
    await signIn(/Ada/, 'analytical-engine')

    await heading('Your albums').waitFor()
    expect(new URL(page.url()).pathname).toBe('/albums')
    await photograph('albums')

    await page.getByRole('link', { name: 'Still lake' }).click()
    await page
      .getByRole('navigation', { name: 'Looks' })
      .getByRole('link', { name: 'Noir' })
      .click()
    const picture = page.getByRole('img', { name: 'Still lake, Noir' })
    await picture.waitFor()
    await picture.evaluate((image: { decode(): Promise<void> }) => image.decode())
    await photograph('picture')
  })

  test('goes on without a word when the access token has expired', async () => {
    await openAlbumsAsAda()
    const before = await tokensSeenByTheDrive()
    const visits: string[] = []
    page.on('request', (request) => visits.push(new URL(request.url()).origin))

    await menu('Profile').click()
    await photograph('profile')
    await page.getByText('It has expired').waitFor({ timeout: accessTokenTtl * 1000 + 10_000 })

    await menu('Albums').click()
    await heading('Your albums').waitFor()
    expect(await tokensSeenByTheDrive()).toBeGreaterThan(before)
    expect(visits).not.toContain(example.urls.provider)
  })

  test('shows neither a token nor a secret on the profile page', async () => {
    await openAlbumsAsAda()
    await menu('Profile').click()
    await heading('Your profile').waitFor()

    const html = await page.content()
    expect(html).toContain('ada@example.com')
    expect(html).toContain('photos.read')
    expect(html).not.toMatch(/eyJ[\w-]+\.[\w-]+/)
  })

  test('refuses the admin page to an ordinary person without sending her away', async () => {
    await openAlbumsAsAda()
    const answer = await page.goto('/admin')

    expect(answer?.status()).toBe(403)
    await heading('Not for you').waitFor()
    expect(new URL(page.url()).origin).toBe(example.urls.photoEditor)
    await photograph('forbidden')
  })

  test('opens the admin page to an administrator', async () => {
    await openAlbumsAs(/Grace/, 'first-compiler')
    await menu('Admin').click()

    await heading('Who used the drive').waitFor()
    expect(await page.getByRole('cell', { name: 'grace' }).count()).toBeGreaterThan(0)
    await photograph('admin')
  })

  test('comes back with a decent page when the sign-in is cancelled, and can start again', async () => {
    await page.goto('/albums')
    await page.getByRole('button', { name: 'Cancel' }).click()

    await heading('Sign-in cancelled').waitFor()
    expect(new URL(page.url()).origin).toBe(example.urls.photoEditor)
    await photograph('cancelled')

    await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click()
    await signIn(/Ada/, 'analytical-engine')
    await heading('Your albums').waitFor()
  })

  test('signs out at both, and the back button brings no private page back', async () => {
    await openAlbumsAsAda()
    await page.getByRole('link', { name: 'First light' }).click()
    await heading('First light').waitFor()

    await page.goto('/')
    await heading('Good to see you, Ada Lovelace').waitFor()

    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading('Sign out here too?').waitFor()
    await photograph('sign-out')
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    await heading('Your pictures, in a better light').waitFor()
    expect(new URL(page.url()).pathname).toBe('/')

    // One step back is the provider's page, which sends people straight home again.
    await page.evaluate('history.go(-2)')
    await page.waitForURL(`${example.urls.photoEditor}/`)
    await heading('Your pictures, in a better light').waitFor()
    await page.goBack()
    await heading('Sign in').waitFor()
    expect(new URL(page.url()).origin).toBe(example.urls.provider)
  })
  test('asks before a typed /logout signs anybody out, and then goes on to the provider', async () => {
    await openAlbumsAsAda()
    await page.goto('/logout')
    await heading('Sign out?').waitFor()

    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading('Sign out here too?').waitFor()
    expect(new URL(page.url()).origin).toBe(example.urls.provider)
  })
})
