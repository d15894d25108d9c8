import type { Actor } from './story.ts'

const light = `--ink: #1b2233; --soft: #5b667c; --line: #c9d0de; --sheet: #ffffff; --card: #f4f6fb; --front: #1f5fd0; --back: #0d7a5f; --store: #7a4fc4; --api: #b25a06; --bad: #c02434; --bad-sheet: #fdecee; --note: #eef3ff`
const dark = `--ink: #e7ebf4; --soft: #a2adc2; --line: #3c465a; --sheet: #171c26; --card: #202735; --front: #82aeff; --back: #5fd0ae; --store: #bd9cff; --api: #f2ab5e; --bad: #ff8a93; --bad-sheet: #3a1f27; --note: #1f2a42`

/** Colours of pages and diagrams, light and dark; all texts keep a contrast of 4.5 to 1. */
export const palette = `:root, svg.diagram { color-scheme: light dark; ${light} }
@media (prefers-color-scheme: dark) { :root, svg.diagram { ${dark} } }`

/** How a diagram looks, in a page and as a file of its own. */
export const diagramStyle = `${palette}
.diagram { display: block; font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif }
.diagram .sheet { fill: var(--sheet) }
.diagram text { fill: var(--ink); font-size: 12.5px; paint-order: stroke; stroke: var(--sheet); stroke-width: 5px; stroke-linejoin: round }
.diagram .lifeline { stroke: var(--line); stroke-width: 1.5; stroke-dasharray: 2 5; stroke-linecap: round; fill: none }
.diagram .end { fill: var(--line) }
.diagram .card { fill: var(--card); stroke: var(--line) }
.diagram .head-of text, .diagram .note text, .diagram .failure text { stroke: none }
.diagram .actor { font-size: 14.5px; font-weight: 650 }
.diagram .about { fill: var(--soft); font-size: 11.5px }
.diagram .icon { fill: none; stroke: var(--tint, var(--ink)); stroke-width: 1.7; stroke-linejoin: round; stroke-linecap: round }
.diagram .head-of.browser { --tint: var(--front) } .diagram .head-of.provider { --tint: var(--back) }
.diagram .head-of.store { --tint: var(--store) } .diagram .head-of.api { --tint: var(--api) }
.diagram .front { --tint: var(--front) } .diagram .back { --tint: var(--back) }
.diagram .store { --tint: var(--store) } .diagram .api { --tint: var(--api) }
.diagram .step.failed { --tint: var(--bad) }
.diagram .title { font-size: 13.5px; font-weight: 650 }
.diagram .failed .title { fill: var(--bad) }
.diagram .detail { font: 11.5px ui-monospace, 'Cascadia Code', 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: var(--ink); white-space: pre }
.diagram .detail .name { fill: var(--soft) }
.diagram .time { fill: var(--soft); font-size: 11.5px; text-anchor: end; font-variant-numeric: tabular-nums }
.diagram .step .line { stroke: var(--tint); stroke-width: 1.8; fill: none }
.diagram .step.answer .line { stroke-dasharray: 6 4 }
.diagram .step .head { fill: var(--tint); stroke: var(--tint); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round }
.diagram .step .head.open { fill: none }
.diagram .step.failed .line { stroke-width: 2.6 }
.diagram .badge { fill: var(--sheet); stroke: var(--tint); stroke-width: 1.8 }
.diagram .failed .badge { fill: var(--bad) }
.diagram .number { font-size: 10.5px; font-weight: 700; text-anchor: middle; stroke: none; fill: var(--tint); font-variant-numeric: tabular-nums }
.diagram .failed .number { fill: var(--sheet) }
.diagram .note { --tint: var(--soft) }
.diagram .note.front { --tint: var(--front) }
.diagram .note .box { fill: var(--card); stroke: var(--line) }
.diagram .note.front .box { fill: var(--note); stroke: var(--front) }
.diagram .note:not(.failed) .badge { fill: var(--sheet) }
.diagram .note.failed .box { fill: var(--bad-sheet); stroke: var(--bad) }
.diagram .failure .box { fill: var(--bad-sheet); stroke: var(--bad); stroke-width: 1.5 }
.diagram .failure .code { fill: var(--bad); font-weight: 700; font-size: 13.5px }
.diagram .failure .label { fill: var(--soft); font-weight: 650 }
.diagram .branch rect { fill: var(--note); fill-opacity: .45; stroke: var(--soft); stroke-dasharray: 4 4 }
.diagram .branch text { fill: var(--soft); font-size: 12px; font-weight: 700; letter-spacing: .04em; text-anchor: end; stroke: none }
.diagram .pending .line { stroke-dasharray: 3 7 }
.diagram.narrow .actor { font-size: 11.5px; text-anchor: middle }
@media (prefers-reduced-motion: no-preference) {
  .diagram .pending .line { animation: diagram-wait 1s linear infinite }
  .diagram .pending .box { animation: diagram-pulse 2s ease-in-out infinite }
}
@keyframes diagram-wait { to { stroke-dashoffset: -20 } }
@keyframes diagram-pulse { 50% { stroke-opacity: .25 } }
`

/** 24 by 24, drawn with the stroke only. */
export const icons: Readonly<Record<Actor, string>> = {
  browser:
    '<rect x="2.5" y="4" width="19" height="16" rx="2.5"/><path d="M2.5 9h19M6 6.6h.01M9 6.6h.01"/>',
  app: '<path d="M12 2.8l8 4.6v9.2l-8 4.6-8-4.6V7.4z"/><path d="M4.4 7.6l7.6 4.4 7.6-4.4M12 12v9"/>',
  store:
    '<ellipse cx="12" cy="5.5" rx="8" ry="2.8"/><path d="M4 5.5v13c0 1.6 3.6 2.8 8 2.8s8-1.2 8-2.8v-13M4 12c0 1.6 3.6 2.8 8 2.8s8-1.2 8-2.8"/>',
  provider:
    '<path d="M12 2.8l7.5 2.8v5.2c0 5-3.2 8.4-7.5 10.4-4.3-2-7.5-5.4-7.5-10.4V5.6z"/><path d="M8.8 11.8l2.4 2.4 4.2-4.4"/>',
  api: '<rect x="3" y="4" width="18" height="7" rx="2"/><rect x="3" y="13" width="18" height="7" rx="2"/><path d="M7 7.5h.01M7 16.5h.01M11 7.5h6M11 16.5h6"/>',
}
