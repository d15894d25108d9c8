import { CookieJar } from 'tough-cookie'

/** How a request came about, as far as SameSite is concerned. */
export type SiteContext = 'strict' | 'lax' | 'none'

export interface BrowserCookies {
  /** The Cookie header for a request. */
  header(url: URL, context: SiteContext): Promise<string>
  store(url: URL, setCookies: readonly string[]): Promise<void>
  /** Cookies that the host has now, by name. */
  of(url: URL | string): Promise<Map<string, string>>
  set(url: URL | string, cookie: string): Promise<void>
  clear(): Promise<void>
}

/** Cookies as browsers keep them: by host without the port, Lax unless said otherwise, prefixes enforced. */
export function createCookies(): BrowserCookies {
  const jar = new CookieJar(undefined, { prefixSecurity: 'strict' })
  return {
    async header(url, context) {
      const cookies = await jar.getCookies(url.href, { sameSiteContext: context })
      return cookies
        .filter((cookie) => context !== 'none' || cookie.sameSite === 'none')
        .map((cookie) => cookie.cookieString())
        .join('; ')
    },
    async store(url, setCookies) {
      for (const cookie of setCookies) await jar.setCookie(cookie, url.href)
    },
    async of(url) {
      const cookies = await jar.getCookies(String(url))
      return new Map(cookies.map(({ key, value }) => [key, value]))
    },
    async set(url, cookie) {
      await jar.setCookie(cookie, String(url))
    },
    clear: () => jar.removeAllCookies(),
  }
}
