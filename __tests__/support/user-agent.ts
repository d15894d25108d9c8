import type { IncomingHttpHeaders } from 'node:http'
import { createCookies, type BrowserCookies, type SiteContext } from './cookies.ts'
import { exchange, type Reply } from './exchange.ts'
import { autoSubmitForm, formsOf, type Form } from './forms.ts'

/** One request of a navigation or script, and how it was answered. */
export interface Hop {
  readonly method: string
  readonly url: URL
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly status: number
  readonly location: string | undefined
  readonly setCookies: readonly string[]
}

export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly hops: readonly Hop[]
  /** What would have been requested next, where `stopBefore` stopped the navigation. */
  readonly pending: Navigation | undefined
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of their own apps
  json(): any
}

export interface Navigation {
  readonly method: string
  readonly url: URL
  readonly body?: string | undefined
  /** The origin of the page that started it; `undefined` for an address that was typed. */
  readonly initiator: string | undefined
  /** Started by a click or by typing, not by a script of the page. */
  readonly userActivated: boolean
  /** Origins that redirected on the way. */
  readonly passed: readonly string[]
  /** What the page of the form said about itself. */
  readonly policy?: PagePolicy
}

interface PagePolicy {
  /** The `form-action` sources of its Content-Security-Policy. */
  readonly formAction: readonly string[] | undefined
  /** The page has the referrer policy `no-referrer`, which makes its Origin `null` as well. */
  readonly hidesItself: boolean
}

export interface VisitOptions {
  /** Ends the navigation before this request is sent; `resume()` goes on. */
  readonly stopBefore?: (url: URL) => boolean
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface ScriptRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
  /** The origin of the page whose script it is. @default the origin of the address */
  readonly from?: string
}

export interface UserAgent {
  readonly cookies: BrowserCookies
  /** Every request of this tab so far. */
  readonly history: readonly Hop[]
  /** Types an address; follows redirects and forms that send themselves. */
  visit(url: string | URL, options?: VisitOptions): Promise<Page>
  /** Clicks a link on a page. */
  click(page: Page, href: string, options?: VisitOptions): Promise<Page>
  /** Presses the button of a form on a page. */
  submit(page: Page, options?: VisitOptions & { form?: number }): Promise<Page>
  /** Presses a button that sends these fields; `from` is the origin of the page it is on. */
  post(
    url: string | URL,
    fields?: Record<string, string>,
    options?: VisitOptions & { from?: string },
  ): Promise<Page>
  resume(page: Page, options?: VisitOptions): Promise<Page>
  /** A script's `fetch` with same-origin credentials; redirects are not followed. */
  fetch(url: string | URL, init?: ScriptRequest): Promise<Page>
  /** Another tab of the same browser. */
  newTab(): UserAgent
}

const maximalHops = 30
const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const urlencoded = 'application/x-www-form-urlencoded'

/** Browsers know no ports when they compare sites. */
const siteOf = (origin: string): string => {
  const { protocol, hostname } = new URL(origin)
  return `${protocol}//${hostname}`
}

function relation(from: string, to: string): 'same-origin' | 'same-site' | 'cross-site' {
  if (from === to) return 'same-origin'
  return siteOf(from) === siteOf(to) ? 'same-site' : 'cross-site'
}

/** Sec-Fetch-Site (W3C Fetch Metadata, section 2.3): the farthest relation on the way. */
function fetchSite({ initiator, url, passed }: Navigation): string {
  if (initiator === undefined) return 'none'
  const relations = [...passed, url.origin].map((origin) => relation(initiator, origin))
  return (
    (['cross-site', 'same-site'] as const).find((far) => relations.includes(far)) ?? 'same-origin'
  )
}

function siteContext({ initiator, url, method }: Navigation): SiteContext {
  if (initiator === undefined || siteOf(initiator) === siteOf(url.origin)) return 'strict'
  return method === 'GET' ? 'lax' : 'none'
}

function policyOf({ headers }: Pick<Reply, 'headers'>): PagePolicy {
  const policy = String(headers['content-security-policy'] ?? '')
  const sources = /(?:^|;)\s*form-action\s+([^;]*)/.exec(policy)?.[1]
  return {
    formAction: sources?.trim().split(/\s+/),
    hidesItself: headers['referrer-policy'] === 'no-referrer',
  }
}

/** Chromium holds the redirects of a form to the page's `form-action` as well. */
function requireAllowed({ initiator, policy, url }: Navigation): void {
  const sources = policy?.formAction
  if (!sources) return
  const own = sources.includes("'self'") && url.origin === initiator
  if (own || sources.includes(url.origin)) return
  throw new Error(`Blocked by form-action ${sources.join(' ')}: ${url.origin}${url.pathname}`)
}

function navigationHeaders(navigation: Navigation): Record<string, string> {
  const { method, policy, userActivated } = navigation
  const initiator = policy?.hidesItself ? undefined : navigation.initiator
  return {
    accept,
    'accept-language': 'en',
    'upgrade-insecure-requests': '1',
    'sec-fetch-dest': 'document',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-site': fetchSite(navigation),
    ...(userActivated && { 'sec-fetch-user': '?1' }),
    ...(initiator !== undefined && { referer: `${initiator}/` }),
    ...(method !== 'GET' && { 'content-type': urlencoded, origin: initiator ?? 'null' }),
  }
}

function redirected(navigation: Navigation, { status, headers }: Reply): Navigation | undefined {
  if (status < 300 || status > 399 || headers.location === undefined) return undefined
  const keepsMethod = status === 307 || status === 308
  return {
    ...navigation,
    method: keepsMethod ? navigation.method : 'GET',
    body: keepsMethod ? navigation.body : undefined,
    url: new URL(headers.location, navigation.url),
    passed: [...navigation.passed, navigation.url.origin],
  }
}

function sent(form: Form, page: URL, userActivated: boolean, policy?: PagePolicy): Navigation {
  const fields = new URLSearchParams(form.fields)
  const url = new URL(form.action || page.href, page)
  if (form.method !== 'POST') url.search = fields.toString()
  return {
    method: form.method,
    url,
    body: form.method === 'POST' ? fields.toString() : undefined,
    initiator: page.origin,
    userActivated,
    passed: [],
    ...(policy && { policy }),
  }
}

function typed(url: string | URL): Navigation {
  return { method: 'GET', url: new URL(url), initiator: undefined, userActivated: true, passed: [] }
}

const isHtml = ({ headers }: Reply): boolean => headers['content-type']?.includes('html') ?? false

/** What a browser does, as far as a sign-in can tell. */
export function createUserAgent(cookies: BrowserCookies = createCookies()): UserAgent {
  const history: Hop[] = []

  async function send(
    outgoing: Parameters<typeof exchange>[0],
    context: SiteContext | undefined,
    hops: Hop[],
  ): Promise<Reply> {
    const cookie = context === undefined ? '' : await cookies.header(outgoing.url, context)
    const headers = { ...outgoing.headers, ...(cookie !== '' && { cookie }) }
    const reply = await exchange({ ...outgoing, headers })
    const setCookies = reply.headers['set-cookie'] ?? []
    if (context !== undefined) await cookies.store(outgoing.url, setCookies)
    const hop: Hop = {
      method: outgoing.method,
      url: outgoing.url,
      requestHeaders: headers,
      status: reply.status,
      location: reply.headers.location,
      setCookies,
    }
    hops.push(hop)
    history.push(hop)
    return reply
  }

  async function navigate(start: Navigation, options: VisitOptions = {}): Promise<Page> {
    const hops: Hop[] = []
    let navigation = start
    while (hops.length < maximalHops) {
      requireAllowed(navigation)
      const headers = { ...navigationHeaders(navigation), ...options.headers }
      const { method, url, body } = navigation
      const outgoing = { method, url, headers, body, signal: options.signal }
      const reply = await send(outgoing, siteContext(navigation), hops)
      const form = isHtml(reply) ? autoSubmitForm(reply.body) : undefined
      const next =
        redirected(navigation, reply) ?? (form && sent(form, url, false, policyOf(reply)))
      if (!next) return pageOf(url, reply, hops)
      if (options.stopBefore?.(next.url)) return pageOf(url, reply, hops, next)
      navigation = next
    }
    throw new Error(`Redirect loop: ${hops.map(({ url }) => url.origin + url.pathname).join(' ')}`)
  }

  return {
    cookies,
    history,
    visit: (url, options) => navigate(typed(url), options),
    click: (page, href, options) =>
      navigate({ ...typed(new URL(href, page.url)), initiator: page.url.origin }, options),
    submit(page, { form: index = 0, ...options } = {}) {
      const form = formsOf(page.body)[index]
      if (!form) throw new Error(`No form ${index} on the page ${page.url.pathname}`)
      return navigate(sent(form, page.url, true, policyOf(page)), options)
    },
    post(url, fields = {}, { from, ...options } = {}) {
      const target = new URL(url)
      const entries = Object.entries(fields)
      const form = { action: target.href, method: 'POST', fields: entries }
      return navigate({ ...sent(form, target, true), initiator: from ?? target.origin }, options)
    },
    resume(page, options) {
      if (!page.pending) throw new Error('The navigation has ended; there is nothing to resume')
      return navigate(page.pending, options)
    },
    async fetch(address, init = {}) {
      const url = new URL(address)
      const { method = 'GET', body, signal, from = url.origin } = init
      const headers = {
        accept: '*/*',
        'sec-fetch-dest': 'empty',
        'sec-fetch-mode': 'cors',
        'sec-fetch-site': relation(from, url.origin),
        referer: `${from}/`,
        ...((method !== 'GET' || from !== url.origin) && { origin: from }),
        ...init.headers,
      }
      const hops: Hop[] = []
      const context = from === url.origin ? 'strict' : undefined
      const reply = await send({ method, url, headers, body, signal }, context, hops)
      return pageOf(url, reply, hops)
    },
    newTab: () => createUserAgent(cookies),
  }
}

function pageOf(url: URL, reply: Reply, hops: Hop[], pending?: Navigation): Page {
  return { ...reply, url, hops, pending, json: () => JSON.parse(reply.body) }
}
