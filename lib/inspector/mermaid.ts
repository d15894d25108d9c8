import { actorNames } from './diagram.ts'
import type { Flow } from './flow.ts'
import { actorsOf, stepsOf } from './tell.ts'
import type { Failure, Step } from './story.ts'

const entities: Readonly<Record<string, string>> = {
  '#': '#35;',
  ';': '#59;',
  '<': '#lt;',
  '>': '#gt;',
}

/** Mermaid ends a statement at a semicolon and begins an entity at a hash sign. */
const clean = (text: string): string =>
  text.replaceAll(/\s+/g, ' ').replaceAll(/[#;<>]/g, (sign) => entities[sign] ?? '')

const joined = (lines: readonly string[]): string => lines.filter(Boolean).map(clean).join('<br/>')

const words = ({ title, details }: Step): string => joined([title, ...details])

const because = ({ code, fix, seen }: Failure): string => joined([code, seen, fix])

function statements(step: Step): string[] {
  const { failure, from, shape, to, tone } = step
  const failed = tone === 'failed'
  const said = `${failed ? '✕ ' : ''}${words(step)}`
  const place = from === to ? from : `${from},${to}`
  const arrow = `${shape === 'answer' ? '-' : ''}${failed ? '-x' : '->>'}`
  return [
    shape === 'note' ? `Note over ${place}: ${said}` : `${from}${arrow}${to}: ${said}`,
    ...(failure ? [`Note over ${place}: ${because(failure)}`] : []),
  ]
}

/** The flow as a Mermaid sequence diagram, which READMEs and issues show as a picture. */
export function mermaidOf(flow: Flow): string {
  const steps = stepsOf(flow)
  const participants = actorsOf(steps).map((actor) => {
    const kind = actor === 'browser' ? 'actor' : 'participant'
    return `${kind} ${actor} as ${actorNames[actor].long}`
  })
  const lines: string[] = []
  let branch: Step['branch']
  for (const step of steps) {
    if (step.branch !== branch) {
      if (branch) lines.push('end')
      if (step.branch) lines.push(`opt ${step.branch}`)
      branch = step.branch
    }
    lines.push(...statements(step))
  }
  if (branch) lines.push('end')
  return `${['sequenceDiagram', 'autonumber', ...participants, ...lines].join('\n  ')}\n`
}
