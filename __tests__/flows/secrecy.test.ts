import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { afterEach, expect, jest, test } from '@jest/globals'
import { eventNames } from '../../lib/events.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { pastAccessToken, startJourney } from '../support/journey.ts'

const closing = closeAfterEach()
afterEach(resetClock)

function collectEvents() {
  const events: unknown[] = []
  const collect = (event: unknown) => void events.push(event)
  const channels = eventNames.map((name) => `express-oauth-client:${name}`)
  for (const name of channels) subscribe(name, collect)
  return {
    events,
    close: () => channels.forEach((name) => unsubscribe(name, collect)),
  }
}

function printed(...values: unknown[]): string {
  return values
    .map((value) => `${inspect(value, { depth: 20, showHidden: true })} ${JSON.stringify(value)}`)
    .join('\n')
}

test('no code, verifier, token, secret or cookie reaches an event, a log, an error, a page or the session store', async () => {
  const { events } = closing(collectEvents())
  const logs = (['log', 'info', 'warn', 'error', 'debug'] as const).map((method) =>
    jest.spyOn(console, method).mockImplementation(() => undefined),
  )
  const { agent, app, provider, visit } = closing(await startJourney())

  await visit('/photos')
  advanceClock(pastAccessToken)
  const pages = [await visit('/albums'), await visit('/')]
  const sessions = printed(app.store)
  provider.front.faults.add(
    { path: '/token', grantType: 'refresh_token', times: 2 },
    {
      kind: 'change',
      change: (answer) => ({ ...answer, body: (answer.body ?? '').replace('Bearer', 'mac') }),
    },
  )
  advanceClock(pastAccessToken)
  pages.push(await visit('/albums'))
  const cookies = [...(await agent.cookies.of(app.url)).values()]
  pages.push(await agent.post(`${app.url}/logout`))
  provider.deny()
  pages.push(await visit('/photos'))

  const secrets = [...provider.front.secrets, provider.clientSecret]
  expect(secrets.length).toBeGreaterThan(8)
  const written = [
    ['events', printed(events)],
    ['log', printed(logs.flatMap(({ mock }) => mock.calls))],
    ['errors', printed(app.errors)],
    ['pages', pages.map(({ body }) => body).join('\n')],
    ['session store', sessions],
  ] as const
  expect(events.length).toBeGreaterThan(10)
  for (const [place, text] of written) {
    const found = secrets.filter((secret) => text.includes(secret))
    expect({ place, found: found.length }).toEqual({ place, found: 0 })
  }
  const signed = cookies.filter((value) => written[0][1].includes(value))
  expect(signed).toEqual([])
  for (const log of logs) log.mockRestore()
})
