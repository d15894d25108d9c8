import escapeHtml from 'escape-html'
import { rowOf, round, type Row } from './diagram-rows.ts'
import { diagramStyle, icons } from './diagram-style.ts'
import { outcomeOf, type Flow } from './flow.ts'
import { clip, narrowGeometry, wideGeometry, type Geometry } from './geometry.ts'
import type { Actor, Step } from './story.ts'
import { actorsOf, hostsOf, stepsOf } from './tell.ts'

export const actorNames: Readonly<Record<Actor, { long: string; short: string; about: string }>> = {
  browser: { long: 'Browser', short: 'Browser', about: 'the visitor' },
  app: { long: 'This app', short: 'App', about: 'express-oauth-client' },
  store: { long: 'Session store', short: 'Store', about: 'sessions and sealed tokens' },
  provider: { long: 'Authorization server', short: 'Auth server', about: 'the provider' },
  api: { long: 'Resource server', short: 'API', about: 'an API' },
}

export const kindNames = {
  login: 'Login',
  refresh: 'Refresh',
  logout: 'Logout',
  api: 'API call',
  guard: 'Refused page',
} as const

interface Options {
  readonly layout: 'wide' | 'narrow'
  /** With its own style sheet, for a file that stands alone. */
  readonly standalone?: boolean
}

/** The sequence diagram of a flow as SVG. */
export function drawDiagram(flow: Flow, { layout, standalone = false }: Options): string {
  const steps = stepsOf(flow)
  const actors = actorsOf(steps)
  const geometry = layout === 'wide' ? wideGeometry(actors) : narrowGeometry(actors)
  const rows = steps.map((step, index) => rowOf(step, index + 1, geometry))
  const top = geometry.headHeight + 18
  const tops = offsets(rows, top)
  const bottom = (tops.at(-1) ?? top) + (rows.at(-1)?.height ?? 0)
  const height = round(bottom + 14)
  const body = [
    ...actors.map((actor) => lifeline(geometry.x(actor), geometry.headHeight, bottom)),
    ...frames(steps, rows, tops, geometry),
    ...actors.map((actor) => head(actor, hostsOf(flow)[actor], geometry)),
    ...rows.map(
      ({ markup }, index) => `<g transform="translate(0 ${tops[index] ?? 0})">${markup}</g>`,
    ),
  ]
  const id = `diagram-${layout}`
  return `<svg xmlns="http://www.w3.org/2000/svg" class="diagram ${layout}" width="${geometry.width}" height="${height}" viewBox="0 0 ${geometry.width} ${height}" role="img" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${escapeHtml(titleOf(flow))}</title>
<desc id="${id}-desc">${escapeHtml(descriptionOf(flow, steps, actors))}</desc>
${standalone ? `<style>${diagramStyle}</style><rect class="sheet" width="${geometry.width}" height="${height}"/>` : ''}
${body.join('\n')}
</svg>`
}

const titleOf = (flow: Flow) => `Sequence diagram: ${kindNames[flow.kind]} ${flow.id}`

function descriptionOf(flow: Flow, steps: readonly Step[], actors: readonly Actor[]): string {
  const names = actors.map((actor) => actorNames[actor].long).join(', ')
  const failed = steps.findIndex(({ failure }) => failure) + 1
  const end = failed ? `It failed at step ${failed}.` : `Its outcome: ${outcomeOf(flow)}.`
  return `${steps.length} steps between ${names}. ${end} The list of the steps says the same in words.`
}

function offsets(rows: readonly Row[], top: number): number[] {
  let y = top
  return rows.map(({ height }) => {
    const at = y
    y += height
    return round(at)
  })
}

const lifeline = (x: number, top: number, bottom: number) =>
  `<path class="lifeline" d="M${round(x)} ${top - 8}V${round(bottom)}"/><circle class="end" cx="${round(x)}" cy="${round(bottom)}" r="3"/>`

function head(actor: Actor, host: string | undefined, { gap, name, x }: Geometry): string {
  const { about, long, short } = actorNames[actor]
  const center = x(actor)
  const icon = (left: number, top: number) =>
    `<g class="icon" transform="translate(${round(left)} ${top})">${icons[actor]}</g>`
  if (name === 'narrow') {
    return `<g class="head-of ${actor}">${icon(center - 12, 6)}<text class="actor" x="${round(center)}" y="46">${short}</text></g>`
  }
  const width = gap - 30
  const left = center - width / 2
  const label = `<text class="actor" x="${round(left + 48)}" y="32">${long}</text>`
  const under = `<text class="about" x="${round(left + 48)}" y="49">${escapeHtml(clip(host ?? about, width - 54, 11.5, 'sans'))}</text>`
  return `<g class="head-of ${actor}"><rect class="card" x="${round(left)}" y="6" width="${width}" height="56" rx="11"/>${icon(left + 14, 22)}${label}${under}</g>`
}

/** A frame around the steps of a branch, as UML draws them. */
function frames(
  steps: readonly Step[],
  rows: readonly Row[],
  tops: readonly number[],
  { name, width }: Geometry,
): string[] {
  const starts = steps.flatMap(({ branch }, index) =>
    branch && steps[index - 1]?.branch !== branch ? [index] : [],
  )
  return starts.map((start) => {
    const branch = steps[start]?.branch ?? ''
    const after = steps.findIndex((step, index) => index > start && step.branch !== branch)
    const last = after === -1 ? steps.length - 1 : after - 1
    const y = (tops[start] ?? 0) - 9
    const end = (tops[last] ?? 0) + (rows[last]?.height ?? 0) - 15
    const x = name === 'wide' ? 98 : 3
    const label = `<text x="${width - 18}" y="${round(y + 19)}">${branch}</text>`
    return `<g class="branch"><rect x="${x}" y="${round(y)}" width="${width - x - 6}" height="${round(end - y)}" rx="9"/>${label}</g>`
  })
}
