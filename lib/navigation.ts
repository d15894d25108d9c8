import type { IncomingMessage } from 'node:http'

const header = (req: IncomingMessage, name: string): string => String(req.headers[name] ?? '')

/** A browser that fetches ahead of a click, whose answer may be thrown away. */
export function isPrefetch(req: IncomingMessage): boolean {
  const purpose = `${header(req, 'sec-purpose')} ${header(req, 'purpose')} ${header(req, 'x-purpose')} ${header(req, 'x-moz')}`
  return /prefetch|prerender|preview/i.test(purpose)
}

/**
 * Whether the answer will be shown as a page: a redirect to the provider makes sense only then. A
 * redirected `fetch` ends in a CORS error that tells the page nothing.
 */
export function isNavigation(req: IncomingMessage): boolean {
  if (isPrefetch(req)) return false
  if (req.headers['hx-request']) return false
  const mode = header(req, 'sec-fetch-mode')
  // No script can send this mode; a service worker that hands a navigation on changes only its destination.
  if (mode) return mode === 'navigate'
  // In-app browsers of Android put the name of the app here, on every navigation.
  if (/^xmlhttprequest$/i.test(header(req, 'x-requested-with'))) return false
  return header(req, 'accept').includes('text/html')
}

/** Whether the request comes from a page of our own origin; browsers without Sec-Fetch-Site send Origin. */
export function isSameOrigin(req: IncomingMessage, origin: string): boolean {
  const site = header(req, 'sec-fetch-site')
  if (site) return site === 'same-origin'
  return header(req, 'origin') === origin
}

/** A click or a typed address on our own origin, which no other site can bring about. */
export function isSameOriginUserAction(req: IncomingMessage): boolean {
  return (
    !isPrefetch(req) &&
    header(req, 'sec-fetch-mode') === 'navigate' &&
    header(req, 'sec-fetch-site') === 'same-origin' &&
    header(req, 'sec-fetch-user') === '?1'
  )
}

/** The address as the browser asked for it, before a router cut off where it is mounted. */
export const originalUrlOf = (req: IncomingMessage & { originalUrl?: string }): string =>
  req.originalUrl ?? req.url ?? '/'

/** Path without query, as the route table knows it. */
export function pathOf(req: IncomingMessage): string {
  const url = req.url ?? '/'
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

/** The raw query string, so that repeated parameters stay visible. */
export function queryOf(req: IncomingMessage): URLSearchParams {
  const url = req.url ?? '/'
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1))
}
