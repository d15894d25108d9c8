import escapeHtml from 'escape-html'
import { kindNames } from './diagram.ts'
import { endOf, errorOf, outcomeOf, startOf, textOf, type Flow, type FlowOutcome } from './flow.ts'
import { pageOf, part } from './page.ts'
import { span } from './words.ts'

export const outcomeNames: Readonly<Record<FlowOutcome, string>> = {
  running: 'running',
  waiting: 'waiting for the person',
  done: 'done',
  failed: 'failed',
  restarted: 'began again',
}

/** What a flow is about, in a few words: a path, an address, a code. */
export function subjectOf(flow: Flow): string {
  const [first] = flow.events
  const path = first ? textOf(first, 'path') : ''
  if (flow.kind === 'api' && first) {
    return `${textOf(first, 'method')} ${textOf(first, 'origin')}${path}`
  }
  const returnTo = first ? textOf(first, 'returnTo') : ''
  if (flow.kind === 'login') return returnTo || path
  if (flow.kind === 'refresh' && first) return `token set ${textOf(first, 'tokenSet')}`
  return path
}

export const badgeOf = (flow: Flow): string => {
  const outcome = outcomeOf(flow)
  return `<span class="badge ${outcome}">${errorOf(flow) ?? statusOf(flow) ?? outcomeNames[outcome]}</span>`
}

function statusOf(flow: Flow): string | undefined {
  const end = endOf(flow)
  return end?.name === 'api.completed' ? textOf(end, 'status') : undefined
}

/** How long a flow took, from its first event to the one that ended it. */
export function durationOf(flow: Flow): string {
  const end = endOf(flow)
  return end ? span(Math.max(end.time - startOf(flow), end.duration ?? 0)) : ''
}

export const clockOf = (time: number): string =>
  `<time datetime="${new Date(time).toISOString()}">${new Date(time).toTimeString().slice(0, 8)}</time>`

function entryOf(flow: Flow): string {
  return `<li class="entry ${flow.kind} ${outcomeOf(flow)}"><a href="flows/${encodeURIComponent(flow.id)}">
<span class="kind">${kindNames[flow.kind]}</span>
<span class="subject">${escapeHtml(subjectOf(flow))}</span>
${badgeOf(flow)}
<span class="when">${clockOf(startOf(flow))}${durationOf(flow) && ` · ${durationOf(flow)}`}</span>
</a></li>`
}

const nothing = `<div class="empty"><h2>No flow yet</h2>
<p>Sign in to the app in another tab. Each login, refresh, logout, API call and refused page appears here while it runs.</p></div>`

/** The flows of this process, newest first. */
export function listPage(flows: readonly Flow[]): string {
  const counted = `${flows.length} recent ${flows.length === 1 ? 'flow' : 'flows'}`
  const list =
    flows.length === 0 ? nothing : `<ol class="flows">\n${flows.map(entryOf).join('\n')}\n</ol>`
  return pageOf({
    title: 'Flow inspector',
    up: '',
    live: 'live',
    main: `<h1>Recent flows</h1>
<p class="lead">What express-oauth-client does in this process, step by step. Secrets are never kept: of codes, tokens and cookies you see a length and a few digits of a digest, enough to recognise one where it comes up again.</p>
<p class="status" role="status" data-status>${counted}</p>
${part('flows', list)}`,
  })
}
