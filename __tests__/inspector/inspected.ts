import { inspector } from '../../lib/inspector/index.ts'
import { startJourney, type Journey, type JourneyOptions } from '../support/journey.ts'

export interface ReportedStep {
  readonly at: number
  readonly from: string
  readonly to: string
  readonly title: string
  readonly details: readonly string[]
  readonly failure?: { readonly code: string; readonly seen: string }
}

/** The JSON that the inspector writes for a bug report. */
export interface Report {
  readonly flow: string
  readonly kind: string
  readonly outcome: string
  readonly error?: string
  readonly login?: string
  readonly dropped: number
  readonly steps: readonly ReportedStep[]
  readonly events: ReadonlyArray<{ readonly name: string; readonly facts: object }>
}

/** A look at the inspector that is mounted in the app at `url`. */
export interface Looker {
  readonly url: string
  /** Kinds, outcomes and ids as the list shows them, newest first. */
  flows(): Promise<Array<{ kind: string; outcome: string; id: string }>>
  /** The report of the newest flow of a kind. */
  report(kind: string): Promise<Report>
  /** What an address below the mount answers. */
  get(path: string): Promise<{ status: number; headers: Headers; body: string }>
}

export function lookAt(url: string): Looker {
  const get = async (path: string) => {
    const answer = await fetch(`${url}${path}`, { redirect: 'manual' })
    return { status: answer.status, headers: answer.headers, body: await answer.text() }
  }
  const flows = async () => {
    const { body } = await get('/')
    const entries = body.matchAll(/<li class="entry (\w+) (\w+)"><a href="flows\/([\w-]+)"/g)
    return [...entries].map(([, kind = '', outcome = '', id = '']) => ({ kind, outcome, id }))
  }
  return {
    url,
    flows,
    get,
    async report(kind) {
      const newest = (await flows()).find((flow) => flow.kind === kind)
      if (!newest) throw new Error(`there is no flow of the kind ${kind}`)
      return JSON.parse((await get(`/flows/${newest.id}.json`)).body)
    },
  }
}

/** A journey through an app that has an inspector. */
export async function startInspectedJourney(
  options: JourneyOptions = {},
): Promise<Journey & { readonly inspector: Looker }> {
  const middleware = inspector()
  const journey = await startJourney({ ...options, before: [middleware] })
  return {
    ...journey,
    inspector: lookAt(`${journey.app.url}/oauth-inspector`),
    async close() {
      middleware.close()
      await journey.close()
    },
  }
}

/** Steps in short: `browser>app GET /photos`. */
export const inShort = ({ steps }: Report): string[] =>
  steps.map(({ from, title, to }) => `${from}${from === to ? '' : `>${to}`} ${title}`)
