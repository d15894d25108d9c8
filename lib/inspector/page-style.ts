import { diagramStyle } from './diagram-style.ts'

/** The style sheet of the inspector's pages. */
export const pageStyle = `${diagramStyle}
* { box-sizing: border-box }
body { margin: 0; background: var(--card); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif }
.bar, main { width: min(100% - 2rem, 78rem); margin-inline: auto }
.bar { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .25rem 1rem; padding-block: 1rem }
.bar p { margin: 0; color: var(--soft); font-size: .9rem }
.brand { display: inline-flex; align-items: center; gap: .6rem; color: var(--ink); font-weight: 700; font-size: 1.1rem; text-decoration: none }
main { padding-bottom: 4rem }
main:focus { outline: none }
a { color: var(--front); text-underline-offset: .2em }
:focus-visible { outline: 3px solid var(--front); outline-offset: 2px; border-radius: 4px }
.skip { position: absolute; left: 1rem; top: -4rem; padding: .5rem 1rem; background: var(--sheet) }
.skip:focus { top: .5rem }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
h1 { margin: .5rem 0 .25rem; font-size: clamp(1.4rem, 1.1rem + 1.4vw, 1.9rem); line-height: 1.25; overflow-wrap: anywhere }
h1 .subject { color: var(--soft); font-weight: 500 }
h1 .badge { vertical-align: .2em }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.2rem }
h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere }
p { margin: 0 0 .75rem }
code, pre, .details { font-family: ui-monospace, 'Cascadia Code', 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: .86em }
.lead { max-width: 46rem; color: var(--soft) }
.crumbs, .meta { color: var(--soft); font-size: .92rem; margin: 0 }
.status { margin: .75rem 0; font-weight: 600; overflow-wrap: anywhere }
.badge { display: inline-block; padding: .05rem .65rem; border: 1px solid currentColor; border-radius: 99px; font-size: .8rem; font-weight: 650; white-space: nowrap; color: var(--soft) }
.badge.done { color: var(--back) }
.badge.failed { color: var(--bad) }
.badge.running, .badge.waiting { color: var(--front) }
.badge.restarted { color: var(--api) }
.flows, .steps, .legend, .related, .details { margin: 0; padding: 0; list-style: none }
.entry a { display: grid; grid-template-columns: 6rem minmax(0, 1fr) auto 10.5rem; align-items: center; gap: .25rem 1rem; padding: .8rem 1rem; background: var(--sheet); color: var(--ink); border: 1px solid var(--line); border-left: .3rem solid var(--tint, var(--line)); border-radius: .5rem; text-decoration: none }
.entry + .entry { margin-top: .5rem }
.entry a:hover { border-color: var(--tint, var(--ink)) }
.entry.login { --tint: var(--front) } .entry.refresh { --tint: var(--back) } .entry.logout { --tint: var(--store) } .entry.api { --tint: var(--api) }
.entry.failed { --tint: var(--bad) }
.kind { font-weight: 650; white-space: nowrap }
.subject { overflow-wrap: anywhere }
.when { color: var(--soft); font-size: .88rem; text-align: right; font-variant-numeric: tabular-nums }
.empty { padding: 2rem; background: var(--sheet); border: 1px dashed var(--line); border-radius: .75rem }
.empty h2 { margin-top: 0 }
.sheet { margin: 0; padding: 1rem; background: var(--sheet); border: 1px solid var(--line); border-radius: .75rem; overflow-x: auto }
.sheet .diagram { max-width: 100%; height: auto; margin-inline: auto }
.only-narrow { display: none }
.only-narrow .diagram { width: 34rem }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; justify-content: center; padding-top: .75rem; color: var(--soft); font-size: .88rem }
.legend li::before { content: ''; display: inline-block; width: 1.4rem; height: 0; margin-right: .5rem; vertical-align: .25em; border-top: 3px solid var(--tint) }
.front { --tint: var(--front) } .back { --tint: var(--back) } .store { --tint: var(--store) } .api { --tint: var(--api) }
.failure-panel { margin: 1rem 0; padding: 1rem 1.25rem; background: var(--bad-sheet); border: 1px solid var(--bad); border-radius: .75rem }
.failure-panel h2 { margin: 0 0 .5rem; font-size: 1.05rem }
.failure-panel h2 code { color: var(--bad); font-size: 1em }
.failure-panel dl { margin: 0 }
.failure-panel dl div { display: grid; grid-template-columns: 4.5rem minmax(0, 1fr) }
.failure-panel dt { color: var(--soft); font-weight: 600 }
.failure-panel dd { margin: 0; overflow-wrap: anywhere }
.steps { counter-reset: step }
.steps > li { position: relative; padding: 0 0 1.1rem 3rem; counter-increment: step }
.steps > li::before { content: counter(step); position: absolute; left: 0; top: .1rem; display: grid; place-items: center; width: 1.9rem; height: 1.9rem; border: 2px solid var(--tint, var(--soft)); border-radius: 50%; color: var(--tint, var(--soft)); background: var(--sheet); font-size: .82rem; font-weight: 700 }
.steps > li::after { content: ''; position: absolute; left: .95rem; top: 2.3rem; bottom: .1rem; border-left: 2px solid var(--line) }
.steps > li:last-child::after { display: none }
.steps > li:target { background: var(--note); border-radius: .5rem }
.steps .failed { --tint: var(--bad) }
.steps .failed h3, .steps .failed .mark, .why strong { color: var(--bad) }
.mark { color: var(--front); font-weight: 650 }
.steps p { margin: 0 0 .3rem; max-width: 52rem }
.who { color: var(--soft); font-size: .85rem }
.at { font-variant-numeric: tabular-nums }
.reference { font-size: .88rem }
.details { color: var(--ink); overflow-wrap: anywhere }
.details .name { color: var(--soft) }
.why { padding: .5rem .75rem; background: var(--bad-sheet); border-left: 3px solid var(--bad) }
.related { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem }
.actions { display: flex; flex-wrap: wrap; gap: .6rem }
.button { display: inline-block; padding: .5rem 1rem; border: 1px solid var(--front); border-radius: .5rem; background: var(--sheet); color: var(--front); font-weight: 600; text-decoration: none }
.button:hover { background: var(--note) }
summary { cursor: pointer; color: var(--soft) }
pre { max-height: 24rem; padding: 1rem; overflow: auto; background: var(--sheet); border: 1px solid var(--line); border-radius: .5rem }
@media (max-width: 62rem) {
  .only-wide { display: none }
  .only-narrow { display: block }
}
@media (max-width: 44rem) {
  .entry a { grid-template-columns: minmax(0, 1fr) auto }
  .entry .subject { grid-column: 1 / -1; grid-row: 2 }
  .entry .when { grid-column: 1 / -1; text-align: left }
  .sheet { padding: .5rem; margin-inline: -.5rem }
}
@media print { .bar, .skip, .actions, .crumbs { display: none } }
`

export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#1f5fd0"/><path d="M6 5v14M18 5v14M7 9h9m-2.5-2.5L16 9l-2.5 2.5M17 15H8m2.5-2.5L8 15l2.5 2.5" fill="none" stroke="#fff" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/></svg>`
