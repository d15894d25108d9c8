import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import escapeHtml from 'escape-html'
import { isProduction } from './environment.ts'
import { docsOf } from './error-advice.ts'
import { publicMessage, type OAuthError } from './errors.ts'
import { inspectorUrl } from './inspector-link.ts'
import { isNavigation } from './navigation.ts'

const style = `
:root { color-scheme: light dark; --ink: #1c2230; --paper: #f6f7fa; --card: #fff; --line: #d9dde6; --soft: #5a6478; --act: #2456d6; --act-ink: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf2; --paper: #12151c; --card: #1b202b; --line: #323a4a; --soft: #a3adc0; --act: #8fb0ff; --act-ink: #10182c } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
main { width: 100%; max-width: 34rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
h1 { margin: 0 0 .75rem; font-size: 1.35rem; line-height: 1.3 }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0 0 }
a.button, button { padding: .6rem 1.1rem; border: 1px solid var(--act); border-radius: .5rem; background: var(--act); color: var(--act-ink); font: inherit; font-weight: 600; text-decoration: none; cursor: pointer }
a.button.quiet { background: transparent; color: var(--act) }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
.why { padding: .75rem 1rem; border-left: 3px solid var(--act); background: var(--paper); font-size: .9rem }
.reference { margin: 1.5rem 0 0; color: var(--soft); font-size: .85rem }
.reference a { color: var(--act) }
code { font-family: ui-monospace, monospace }
`

// No form-action: browsers apply it to the redirects after a form too, and the one on the page that
// asks before signing out leads on to the provider.
const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** A link on a page of ours; `href` is one of our own paths. */
export interface PageAction {
  readonly text: string
  readonly href: string
}

/** Answers that carry or change a login are never stored by anybody (RFC 9111 section 5.2.2.5). */
export function forbidStoring(res: ServerResponse): void {
  res.setHeader('Cache-Control', 'private, no-store')
  const vary = String(res.getHeader('Vary') ?? '')
  if (!/\bcookie\b/i.test(vary)) res.appendHeader('Vary', 'Cookie')
}

/** A small page in the package's own look; `body` is trusted HTML. */
export function sendPage(res: ServerResponse, status: number, title: string, body: string): void {
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>${escapeHtml(title)}</title><style>${style}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${body}
</main></body>
</html>
`
  res.statusCode = status
  forbidStoring(res)
  res.setHeader('Content-Type', 'text/html; charset=utf-8')
  res.setHeader('Content-Security-Policy', contentSecurityPolicy)
  res.setHeader('X-Content-Type-Options', 'nosniff')
  // With no-referrer the form on a page of ours would be posted with `Origin: null`.
  res.setHeader('Referrer-Policy', 'same-origin')
  res.end(html)
}

const titles: Readonly<Record<number, string>> = {
  400: 'The sign-in could not be finished',
  401: 'Please sign in',
  403: 'No access',
  405: 'Not possible here',
  500: 'This site needs its operator',
  502: 'The sign-in service failed',
  503: 'Not available at the moment',
  504: 'The sign-in service is too slow',
}

const titleOf = (error: OAuthError): string =>
  error.code === 'ERR_LOGIN_CANCELLED' ? 'Sign-in cancelled' : (titles[error.status] ?? 'Error')

/** The flow's id; for a developer with an inspector at hand, a link to its diagram. */
function referenceOf(flow: string): string {
  const code = `<code>${escapeHtml(flow)}</code>`
  const url = isProduction() ? undefined : inspectorUrl(flow)
  return url ? `${code} · <a href="${escapeHtml(url)}">See what happened</a>` : code
}

const forDeveloper = ({ code, detail = '' }: OAuthError): string =>
  `<p class="why"><strong>For the developer:</strong> ${detail && `${escapeHtml(detail)}<br>`}What to do: <code>${docsOf(code)}</code>, by symptom: <code>docs/troubleshooting.md</code></p>`

function sendErrorPage(
  res: ServerResponse,
  error: OAuthError,
  actions: readonly PageAction[],
): void {
  const links = actions.map(
    ({ text, href }, index) =>
      `<a class="button${index > 0 ? ' quiet' : ''}" href="${escapeHtml(href)}">${escapeHtml(text)}</a>`,
  )
  const why = isProduction() ? '' : forDeveloper(error)
  const reference = `<p class="reference"><code>${error.code}</code>${error.flow ? ` · reference ${referenceOf(error.flow)}` : ''}</p>`
  sendPage(
    res,
    error.status,
    titleOf(error),
    `<p>${escapeHtml(publicMessage(error.code))}</p>${why}<div class="actions">${links.join('')}</div>${reference}`,
  )
}

function sendProblem(
  res: ServerResponse,
  error: OAuthError,
  members: Readonly<Record<string, string>>,
): void {
  const problem = {
    type: `urn:express-oauth-client:${error.code}`,
    title: titleOf(error),
    status: error.status,
    detail: publicMessage(error.code),
    code: error.code,
    ...(error.flow ? { instance: `urn:express-oauth-client:flow:${error.flow}` } : {}),
    ...members,
  }
  res.statusCode = error.status
  forbidStoring(res)
  res.setHeader('Content-Type', 'application/problem+json')
  res.end(JSON.stringify(problem))
}

/** How an error is shown: a page to a person, problem+json (RFC 9457) to a program. */
export function sendError(
  req: IncomingMessage,
  res: ServerResponse,
  error: OAuthError,
  {
    actions,
    problem,
  }: { actions: readonly PageAction[]; problem: Readonly<Record<string, string>> },
): void {
  if (error.retryAfter !== undefined) res.setHeader('Retry-After', Math.ceil(error.retryAfter))
  const wantsPage = isNavigation(req) || req.headers['sec-fetch-mode'] === 'navigate'
  if (wantsPage) sendErrorPage(res, error, actions)
  else sendProblem(res, error, problem)
}
