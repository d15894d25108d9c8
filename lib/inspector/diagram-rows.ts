import escapeHtml from 'escape-html'
import { wrap, type Geometry } from './geometry.ts'
import type { Failure, Step } from './story.ts'
import { partsOf, span } from './words.ts'

/** A part of the diagram with the height that it takes; `draw` gets its upper edge. */
export interface Row {
  readonly height: number
  readonly markup: string
}

const titleSize = 13.5
const detailSize = 11.5
const titleLine = 18
const detailLine = 16
const columnWidth = 246
const radius = 10

/** Which kind of way a message takes: the colour tells what passes the browser and what does not. */
export function channelOf({ from, to }: Step): string {
  const ends = [from, to]
  if (ends.includes('browser')) return 'front'
  if (ends.includes('store')) return 'store'
  return ends.includes('api') ? 'api' : 'back'
}

const text = (x: number, y: number, content: string, attributes: string) =>
  `<text x="${round(x)}" y="${round(y)}" ${attributes}>${content}</text>`

export const round = (value: number): number => Math.round(value * 10) / 10

export function rowOf(step: Step, number: number, geometry: Geometry): Row {
  const row =
    step.shape === 'note' ? noteRow(step, number, geometry) : arrowRow(step, number, geometry)
  return step.failure ? withFailure(row, step.failure, geometry) : row
}

const classOf = (step: Step) => `step ${channelOf(step)} ${step.shape} ${step.tone}`

function arrowRow(step: Step, number: number, geometry: Geometry): Row {
  const words = geometry.words(step.from, step.to)
  const titleWidth = words.width - (geometry.name === 'narrow' ? 74 : 0)
  const titles = wrap(step.title, titleWidth, titleSize, 'bold')
  const y = geometry.drop - 8 + titles.length * titleLine
  const details = detailBlock(step.details, words.x, y + geometry.drop, words.width)
  const markup = [
    `<g class="${classOf(step)}">`,
    ...titles.map((line, index) =>
      text(words.x, 14 + index * titleLine, escapeHtml(line), 'class="title"'),
    ),
    arrow(step, geometry, y),
    badge(geometry.x(step.from), y, number),
    time(step, geometry, y),
    details.markup,
    '</g>',
  ]
  return {
    height: y + (details.height && details.height + geometry.drop - 20) + 26,
    markup: markup.join(''),
  }
}

function arrow({ from, to, shape }: Step, geometry: Geometry, y: number): string {
  const way = geometry.x(to) > geometry.x(from) ? 1 : -1
  const start = geometry.x(from) + way * (radius + 1)
  const tip = geometry.x(to) - way * 2
  const back = tip - way * 9
  const head =
    shape === 'answer'
      ? `<path class="head open" d="M${round(back)} ${y - 5}L${round(tip)} ${y}L${round(back)} ${y + 5}"/>`
      : `<path class="head" d="M${round(back)} ${y - 5}L${round(tip)} ${y}L${round(back)} ${y + 5}Z"/>`
  return `<path class="line" d="M${round(start)} ${y}H${round(tip - way * 2)}"/>${head}`
}

const badge = (x: number, y: number, number: number) =>
  `<circle class="badge" cx="${round(x)}" cy="${y}" r="${radius}"/>${text(x, y + 3.8, String(number), 'class="number"')}`

function time(step: Step, { name, width }: Geometry, y: number): string {
  const at = step.at === 0 ? '0 ms' : `+${span(step.at)}`
  const took = step.duration === undefined ? '' : `took ${span(step.duration)}`
  if (name === 'narrow') return text(width - 10, 14, at, 'class="time"')
  return (
    text(82, y + 4, at, 'class="time"') + (took ? text(82, y + 19, took, 'class="time quiet"') : '')
  )
}

/** Parameters in as many columns as there is room for. */
function detailBlock(details: readonly string[], x: number, y: number, width: number): Row {
  const fitting = Math.floor(width / columnWidth)
  const count = Math.max(1, Math.min(fitting, Math.ceil(details.length / 3)))
  const each = width / count
  const cells = details.map((detail) => detailLines(detail, each - 6))
  const perColumn = Math.ceil(cells.length / count)
  const columns = Array.from({ length: count }, (_, column) =>
    cells.slice(column * perColumn, (column + 1) * perColumn).flat(),
  )
  const markup = columns.flatMap((lines, column) =>
    lines.map((line, index) =>
      text(x + column * each, y + index * detailLine, line, 'class="detail"'),
    ),
  )
  const height = Math.max(...columns.map((lines) => lines.length * detailLine))
  return { height: height === 0 ? 0 : height + 2, markup: markup.join('') }
}

function detailLines(detail: string, width: number): string[] {
  const { name } = partsOf(detail)
  const [first = '', ...more] = wrap(detail, width, detailSize, 'mono')
  const named = name !== '' && first.startsWith(`${name}:`)
  const head = named
    ? `<tspan class="name">${escapeHtml(name)}</tspan>${escapeHtml(first.slice(name.length))}`
    : escapeHtml(first)
  return [head, ...more.map((line) => `<tspan dx="14">${escapeHtml(line)}</tspan>`)]
}

/** Passed checks stand side by side. */
function compact(details: readonly string[]): string[] {
  const checks = details.filter((detail) => detail.startsWith('✓'))
  const others = details.filter((detail) => !detail.startsWith('✓'))
  return checks.length > 0 ? [checks.join('  '), ...others] : others
}

function noteRow(step: Step, number: number, geometry: Geometry): Row {
  const box = noteBox(step, geometry)
  const inner = box.width - 44
  const titles = wrap(step.title, inner, titleSize, 'bold')
  const details = detailBlock(
    compact(step.details),
    box.x + 32,
    32 + titles.length * titleLine,
    inner,
  )
  const height = 22 + titles.length * titleLine + details.height + (details.height ? 6 : 0)
  const y = 22
  const markup = [
    `<g class="${classOf(step)}">`,
    `<rect class="box" x="${round(box.x)}" y="4" width="${round(box.width)}" height="${round(height - 8)}" rx="9"/>`,
    badge(box.x + 16, y, number),
    ...titles.map((line, index) =>
      text(box.x + 32, y + 5 + index * titleLine, escapeHtml(line), 'class="title"'),
    ),
    geometry.name === 'wide' ? time(step, geometry, y) : '',
    details.markup,
    '</g>',
  ]
  return { height: height + 14, markup: markup.join('') }
}

function noteBox({ from, to }: Step, geometry: Geometry): { x: number; width: number } {
  if (geometry.name === 'narrow') return { x: 10, width: geometry.width - 20 }
  if (from !== to) {
    const left = geometry.x(from) - 16
    return { x: left, width: geometry.x(to) + 16 - left }
  }
  const x = geometry.x(from) - 16
  const width = geometry.gap + (x + geometry.gap * 2 < geometry.width ? geometry.gap * 0.4 : -24)
  return { x, width }
}

/** The red box under the step that went wrong. */
function withFailure(row: Row, failure: Failure, geometry: Geometry): Row {
  const wide = geometry.name === 'wide'
  const x = wide ? 92 : 10
  const width = geometry.width - x - (wide ? 20 : 10)
  const entries: Array<readonly [string, string]> = [
    ['Seen', failure.seen],
    ['Cause', failure.cause],
    ['Fix', failure.fix],
    ['Read', failure.reference.label],
  ]
  let y = 42
  let lines = text(x + 16, 24, `✕ ${escapeHtml(failure.code)}`, 'class="code"')
  for (const [label, content] of entries.filter(([, value]) => value !== '')) {
    const wrapped = wrap(content, width - 84, 12.5, 'sans')
    lines += text(x + 16, y + 4, label, 'class="label"')
    for (const line of wrapped) {
      lines += text(x + 68, y + 4, escapeHtml(line), 'class="prose"')
      y += 18
    }
    y += 3
  }
  const box = `<rect class="box" x="${x}" y="0" width="${round(width)}" height="${y - 2}" rx="9"/>`
  return {
    height: row.height + y + 16,
    markup: `${row.markup}<g class="failure" transform="translate(0 ${round(row.height - 8)})">${box}${lines}</g>`,
  }
}
