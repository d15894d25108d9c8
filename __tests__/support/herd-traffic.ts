import type { HerdApp } from './herd-app.ts'
import type { Herd } from './herd.ts'

export interface Traffic {
  /** How many answers of each status there were so far; `cut` for connections that broke. */
  readonly tally: Readonly<Record<string, number>>
  /** Resolves when every app has given this many further good answers in a row. */
  flowing(inARow: number): Promise<void>
  stop(): Promise<void>
}

/** Visitors who ask every app for a page again and again, one request at a time. */
export function startTraffic(herd: Herd, path: string, perApp = 2): Traffic {
  const tally: Record<string, number> = {}
  const runs = herd.apps.map(() => 0)
  const stopping = new AbortController()
  let waiting = { inARow: Infinity, done: () => {} }

  function note(app: number, outcome: string): void {
    tally[outcome] = (tally[outcome] ?? 0) + 1
    runs[app] = outcome === '200' ? (runs[app] ?? 0) + 1 : 0
    if (runs.every((run) => run >= waiting.inARow)) waiting.done()
  }

  async function visitor(target: HerdApp, app: number): Promise<void> {
    while (!stopping.signal.aborted) {
      const asking = herd.ask(target, path)
      note(
        app,
        await asking.then(
          ({ status }) => String(status),
          () => 'cut',
        ),
      )
    }
  }

  const visitors = herd.apps.flatMap((app, index) =>
    Array.from({ length: perApp }, () => visitor(app, index)),
  )
  return {
    tally,
    flowing(inARow) {
      runs.fill(0)
      return new Promise((resolve) => {
        waiting = { inARow, done: resolve }
      })
    },
    async stop() {
      stopping.abort()
      await Promise.all(visitors)
    },
  }
}
