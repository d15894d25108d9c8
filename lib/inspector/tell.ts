import type { FlowEvent } from '../events.ts'
import { kindOfEvent, outcomeOf, startOf, textIn, textOf, type Flow } from './flow.ts'
import { actors, createStory, type Actor, type Step, type Story, type Tellers } from './story.ts'
import { guardTellers } from './tell-guard.ts'
import { loginTellers } from './tell-login.ts'
import { apiTellers, logoutTellers } from './tell-others.ts'
import { providerTellers } from './tell-provider.ts'
import { refreshTellers } from './tell-refresh.ts'

const tellers: Tellers = {
  ...loginTellers,
  ...refreshTellers,
  ...logoutTellers,
  ...apiTellers,
  ...providerTellers,
  ...guardTellers,
}

/** The steps of a flow, as far as it has come. */
export function stepsOf(flow: Flow): readonly Step[] {
  const story = createStory(startOf(flow))
  for (const event of flow.events) {
    if (flow.kind === 'api' && kindOfEvent(event.name) === 'refresh') story.within('refresh')
    // Of what failed before the guard saw it, that failure is told.
    const isTold = flow.kind === 'guard' || event.name !== 'guard.refused'
    if (isTold) tellers[event.name]?.(event, story)
  }
  tellWaiting(flow, story)
  return story.steps
}

/** Whose answer is being waited for. */
function tellWaiting(flow: Flow, story: Story): void {
  const { asked } = story
  const last = flow.events.at(-1)
  if (!asked || !last || outcomeOf(flow) !== 'running') return
  story.answer(last, asked, 'app', {
    title: 'waiting for the answer',
    text: 'The request is on its way.',
    tone: 'pending',
    duration: undefined,
  })
}

/** Those who take part, from left to right. */
export function actorsOf(steps: readonly Step[]): readonly Actor[] {
  const present = new Set(steps.flatMap(({ from, to }) => [from, to]))
  return actors.filter((actor) => present.has(actor))
}

/** Where the authorization server and the resource server of a flow are. */
export function hostsOf({ events }: Flow): Partial<Record<Actor, string>> {
  const api = textIn(events, 'origin')
  const provider = events.map((event) => hostOf(event)).find(Boolean)
  return {
    ...(provider ? { provider } : {}),
    ...(api && URL.canParse(api) ? { api: new URL(api).host } : {}),
  }
}

function hostOf(event: FlowEvent): string | undefined {
  const address = textOf(event, 'endpoint') || textOf(event, 'issuer')
  return URL.canParse(address) ? new URL(address).host : undefined
}
