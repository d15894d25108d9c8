import { errorOf, loginOf, outcomeOf, startOf, type Flow } from './flow.ts'
import { stepsOf } from './tell.ts'

/**
 * A flow as JSON for a bug report. It is made of events only, so it has no secret in it; times count
 * from the start, so that it does not tell when somebody was there.
 */
export function reportOf(flow: Flow): string {
  const start = startOf(flow)
  const report = {
    package: 'express-oauth-client',
    node: process.version,
    flow: flow.id,
    kind: flow.kind,
    outcome: outcomeOf(flow),
    error: errorOf(flow),
    login: loginOf(flow),
    dropped: flow.dropped,
    steps: stepsOf(flow).map(({ at, details, failure, from, title, to }) => ({
      at,
      from,
      to,
      title,
      details,
      failure: failure && { code: failure.code, seen: failure.seen },
    })),
    events: flow.events.map(({ duration, error, facts, name, time }) => ({
      at: time - start,
      name,
      duration,
      error,
      facts,
    })),
  }
  return `${JSON.stringify(report, undefined, 2)}\n`
}
