import escapeHtml from 'escape-html'
import { actorNames, drawDiagram, kindNames } from './diagram.ts'
import { channelOf } from './diagram-rows.ts'
import { loginOf, outcomeOf, startOf, type Flow } from './flow.ts'
import { badgeOf, clockOf, durationOf, outcomeNames, subjectOf } from './list-page.ts'
import { mermaidOf } from './mermaid.ts'
import { pageOf, part } from './page.ts'
import type { Failure, Step } from './story.ts'
import { actorsOf, stepsOf } from './tell.ts'
import { partsOf, span } from './words.ts'

const link = ({ label, url }: { label: string; url: string }) =>
  `<a href="${escapeHtml(url)}" rel="noreferrer noopener" target="_blank">${escapeHtml(label)}</a>`

function failurePanel(steps: readonly Step[]): string {
  const index = steps.findIndex(({ failure }) => failure)
  const failure = steps[index]?.failure
  if (!failure) return ''
  const { cause, code, docs, fix, reference, seen } = failure
  const rows = [
    ['Seen', escapeHtml(seen)],
    ['Cause', escapeHtml(cause)],
    ['Fix', escapeHtml(fix)],
    ['Read', `${link(reference)}${docs ? ` · <code>${escapeHtml(docs)}</code>` : ''}`],
  ].filter(([, value]) => value)
  return `<section class="failure-panel" aria-labelledby="failed"><h2 id="failed"><code>${escapeHtml(code)}</code> at <a href="#step-${index + 1}">step ${index + 1}</a></h2>
<dl>${rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl></section>`
}

const channelNames: Readonly<Record<string, string>> = {
  front: 'through the browser',
  back: 'from server to server',
  store: 'to the store',
  api: 'to an API',
}

function legend(steps: readonly Step[]): string {
  const present = new Set(steps.filter(({ from, to }) => from !== to).map(channelOf))
  const entries = Object.entries(channelNames).filter(([channel]) => present.has(channel))
  return `<ul class="legend" aria-label="Colours">${entries.map(([channel, name]) => `<li class="${channel}">${name}</li>`).join('')}</ul>`
}

const who = ({ from, to }: Step): string =>
  from === to
    ? actorNames[from].long
    : `${actorNames[from].long} <span aria-hidden="true">→</span><span class="unseen">to</span> ${actorNames[to].long}`

function detailList(details: readonly string[]): string {
  if (details.length === 0) return ''
  const rows = details
    .map(partsOf)
    .map(({ name, value }) =>
      name === ''
        ? `<li>${escapeHtml(value)}</li>`
        : `<li><span class="name">${escapeHtml(name)}:</span> ${escapeHtml(value)}</li>`,
    )
  return `<ul class="details">${rows.join('')}</ul>`
}

function why(failure: Failure | undefined): string {
  if (!failure) return ''
  return `<p class="why"><strong>${escapeHtml(failure.code)}</strong> ${escapeHtml(failure.cause)} ${escapeHtml(failure.fix)}</p>`
}

const toneNames = { failed: 'failed', pending: 'waiting' } as const

function stepEntry(step: Step, index: number): string {
  const { at, branch, details, duration, failure, reference, text, title, tone } = step
  const took = duration === undefined ? '' : `, took ${span(duration)}`
  const marks = [tone === 'plain' ? '' : toneNames[tone], branch ?? ''].filter(Boolean)
  return `<li id="step-${index + 1}" class="${channelOf(step)} ${tone}">
<p class="who">${who(step)} · <span class="at">${at === 0 ? 'start' : `after ${span(at)}`}${took}</span>${marks.map((mark) => ` · <span class="mark">${mark}</span>`).join('')}</p>
<h3>${escapeHtml(title)}</h3>
<p>${escapeHtml(text)}${reference ? ` <span class="reference">${link(reference)}</span>` : ''}</p>${why(failure)}
${detailList(details)}</li>`
}

/** Other flows of the same login, and what a lost one became. */
function relatives(flow: Flow, flows: readonly Flow[]): string {
  const login = loginOf(flow)
  const related = login
    ? flows.filter((other) => other !== flow && loginOf(other) === login).slice(0, 12)
    : []
  if (related.length === 0) return ''
  const items = related.map(
    (other) =>
      `<li><a href="${encodeURIComponent(other.id)}">${kindNames[other.kind]} ${clockOf(startOf(other))}</a> ${badgeOf(other)}</li>`,
  )
  return `<section aria-labelledby="related"><h2 id="related">The same login</h2><ul class="related">${items.join('')}</ul></section>`
}

function exportsOf(flow: Flow): string {
  const id = encodeURIComponent(flow.id)
  return `<section aria-labelledby="take"><h2 id="take">Take it with you</h2>
<p>All three are made of what you see here, so they hold no secret either. They do name addresses of your app and provider.</p>
<p class="actions"><a class="button" href="${id}.json" download>JSON for a bug report</a> <a class="button" href="${id}.svg" download>SVG</a> <a class="button" href="${id}.mmd" download>Mermaid</a></p>
<details><summary>Mermaid text to copy</summary><pre tabindex="0" aria-label="Mermaid text"><code data-part="mermaid">${escapeHtml(mermaidOf(flow))}</code></pre></details></section>`
}

function statusLine(flow: Flow, steps: readonly Step[]): string {
  const last = steps.at(-1)
  const outcome = outcomeNames[outcomeOf(flow)]
  const duration = durationOf(flow)
  const ended = duration ? `${outcome} after ${duration}` : outcome
  return `${steps.length} steps, ${ended}${duration || !last ? '' : `: ${last.title}`}`
}

/** One flow as a diagram and in words. */
export function flowPage(flow: Flow, flows: readonly Flow[]): string {
  const steps = stepsOf(flow)
  const drawings = (['wide', 'narrow'] as const).map(
    (layout) => `<div class="only-${layout}">${drawDiagram(flow, { layout })}</div>`,
  )
  const dropped = flow.dropped > 0 ? `<p>${flow.dropped} further events were not kept.</p>` : ''
  const name = kindNames[flow.kind]
  return pageOf({
    title: `${name} ${flow.id} · Flow inspector`,
    up: '../',
    live: `../live?flow=${encodeURIComponent(flow.id)}`,
    main: `<p class="crumbs"><a href="../">Recent flows</a></p>
${part(
  'head',
  `<h1>${name} <span class="subject">${escapeHtml(subjectOf(flow))}</span> ${badgeOf(flow)}</h1>
<p class="meta">${clockOf(startOf(flow))} · flow <code>${escapeHtml(flow.id)}</code> · ${actorsOf(steps).length} participants</p>`,
)}
<p class="status" role="status" data-status>${escapeHtml(statusLine(flow, steps))}</p>
${part('failure', failurePanel(steps))}
${part('diagram', `<figure class="sheet">${drawings.join('')}<figcaption>${legend(steps)}</figcaption></figure>`)}
<h2>The same in words</h2>
${part('steps', `<ol class="steps">${steps.map(stepEntry).join('\n')}</ol>${dropped}`)}
${part('related', relatives(flow, flows))}
${exportsOf(flow)}`,
  })
}

export function goneFlowPage(): string {
  return pageOf({
    title: 'Flow not found · Flow inspector',
    up: '../',
    live: '',
    main: `<h1>This flow is not here</h1>
<p class="lead">The inspector keeps the newest flows of this process only; it may have been pushed out, or the process was started anew.</p>
<p><a class="button" href="../">Recent flows</a></p>`,
  })
}
