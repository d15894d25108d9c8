import type { ServerResponse } from 'node:http'
import escapeHtml from 'escape-html'

/** Nothing runs and nothing is loaded but the three files of the inspector itself. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Headers of everything that the inspector answers. */
export function setHeaders(res: ServerResponse, type: string): void {
  res.setHeader('Content-Type', type)
  res.setHeader('Cache-Control', 'private, no-store')
  res.setHeader('Content-Security-Policy', contentSecurityPolicy)
  res.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
  res.setHeader('Referrer-Policy', 'no-referrer')
  res.setHeader('X-Content-Type-Options', 'nosniff')
}

interface PageParts {
  readonly title: string
  /** Way to the mount from this page, such as `../`: links stay right behind any proxy. */
  readonly up: string
  /** What the script listens to for news about this page. */
  readonly live: string
  /** Trusted HTML. */
  readonly main: string
}

export function pageOf({ live, main, title, up }: PageParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${up}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${up}style.css">
<script src="${up}live.js" type="module"></script>
</head>
<body data-live="${escapeHtml(live)}">
<a class="skip" href="#main">Skip to the content</a>
<header class="bar"><a class="brand" href="${up || './'}"><img src="${up}icon.svg" alt="" width="26" height="26"> Flow inspector</a><p>express-oauth-client</p></header>
<main id="main" tabindex="-1">
${main}
</main>
</body>
</html>
`
}

/** A part of a page that the script replaces when there is news. */
export const part = (name: string, content: string): string =>
  `<div data-part="${name}">${content}</div>`
