import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startAppProcess, type AppProcess } from '../support/app-process.ts'
import { describeWithChromium, launchChromium } from '../support/browser.ts'
import { createCertificate, type Certificate } from '../support/certificate.ts'
import { startSecureProvider, type SecureProvider } from '../support/secure-provider.ts'

/** Browsers find it on loopback, and for them it is another site than the provider's, 127.0.0.1. */
const host = 'photos.localhost'

describeWithChromium('an app and a provider on two sites in a real browser', () => {
  let browser: Browser
  let certificate: Certificate
  let provider: SecureProvider
  let app: AppProcess
  let context: BrowserContext
  let page: Page

  beforeAll(async () => {
    certificate = await createCertificate([host])
    provider = await startSecureProvider(certificate)
    browser = await launchChromium()
  })

  afterAll(async () => {
    await browser?.close()
    await provider?.close()
    await certificate?.close()
  })

  afterEach(async () => {
    await context?.close()
    await app?.close()
  })

  /** The app in a process of its own, which alone trusts the certificate. */
  async function start(config: Record<string, unknown>): Promise<string> {
    app = await startAppProcess(
      (port) => ({
        tls: certificate,
        config: {
          issuer: provider.issuer,
          clientId: provider.clientId,
          clientSecret: provider.clientSecret,
          baseUrl: `https://${host}:${port}`,
          secret: 'the-secret-of-the-app-on-another-site-0123456789',
          ...config,
        },
      }),
      { tls: certificate, env: { NODE_EXTRA_CA_CERTS: certificate.certFile } },
    )
    const url = `https://${host}:${app.port}`
    provider.allow(`${url}/callback`)
    context = await browser.newContext({ baseURL: url, ignoreHTTPSErrors: true })
    context.setDefaultTimeout(10_000)
    page = await context.newPage()
    return url
  }

  const shown = async () => JSON.parse((await page.textContent('body')) ?? '')

  /** Names of the cookies that went with the provider's answer. */
  async function cookiesOfAnswer(method: string): Promise<string[]> {
    const isAnswer = (request: { method(): string; url(): string }) =>
      request.method() === method && /\/callback(\?.*code=|$)/.test(request.url())
    const request = await page.waitForRequest(isAnswer)
    const { cookie = '' } = await request.allHeaders()
    return cookie.split('; ').map((pair) => pair.split('=')[0] ?? '')
  }

  test.each([
    ['query', 'lax', 'GET', true],
    ['query', 'strict', 'GET', false],
    ['form_post', 'lax', 'POST', false],
    ['form_post', 'strict', 'POST', false],
  ])(
    'an answer by %s signs in with a %s session cookie, and the session goes on',
    async (responseMode, sameSite, method, comesAlong) => {
      const url = await start({ responseMode, session: { cookie: { sameSite } } })
      await page.goto('/cart?item=frame')
      const [session] = (await context.cookies()).map(({ name }) => name)
      const answered = cookiesOfAnswer(method)

      await page.goto('/photos?album=7')
      await page.waitForURL(`${url}/photos?album=7`)
      expect(await shown()).toEqual({ owner: 'alice', at: '/photos?album=7' })

      const cookies = await answered
      expect(cookies.some((name) => name.startsWith('__Host-oauth-tx-'))).toBe(true)
      expect(cookies.includes(session ?? '')).toBe(comesAlong)
      await page.goto('/cart')
      expect(await shown()).toEqual({ cart: ['frame'] })
      const left = (await context.cookies()).filter(({ name }) => name.includes('oauth-tx'))
      expect(left).toEqual([])
      expect(app.failures).toEqual([])
    },
  )
})
