import { afterEach, describe, expect, test } from '@jest/globals'
import type { OAuthError } from '../../lib/index.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { advanceClock, resetClock } from '../support/clock.ts'
import { startJourney, type Journey } from '../support/journey.ts'
import { createUserAgent, type Page } from '../support/user-agent.ts'

const closing = closeAfterEach()
afterEach(resetClock)

const minute = 60_000
const atCallback = ({ pathname }: URL) => pathname === '/callback'
const start = async () => closing(await startJourney())

/** The address with which a login has come back from the provider. */
async function answerOf({ agent, app }: Journey): Promise<URL> {
  const { pending } = await agent.visit(`${app.url}/photos`, { stopBefore: atCallback })
  if (!pending) throw new Error('the login has not come back')
  return pending.url
}

const withState = (url: URL, state: string): URL => {
  const changed = new URL(url)
  changed.searchParams.set('state', state)
  return changed
}

const detailOf = ({ app }: Journey) => (app.errors.at(-1) as OAuthError).detail
const restarted = (page: Page) => page.hops.some(({ location }) => location?.includes('/auth?'))

describe('an answer whose login is lost', () => {
  test('begins again once, and the second time says that cookies came but none of this login', async () => {
    const journey = await start()
    const lost = withState(await answerOf(journey), 'a'.repeat(43))
    const first = await journey.agent.visit(lost)
    expect(restarted(first)).toBe(true)
    expect(first.json()).toMatchObject({ sub: 'alice' })

    await journey.agent.post(`${journey.app.url}/logout`)
    const second = await journey.agent.visit(lost)
    expect(restarted(second)).toBe(false)
    expect(second.status).toBe(400)
    expect(second.body).toContain('ERR_STATE_UNKNOWN')
    expect(detailOf(journey)).toMatch('the browser sent cookies, but none of this login')
    expect(second.body).toContain('the browser sent cookies, but none of this login')
    expect(second.body).toMatch(/<a class="button" href="\/login\b[^"]*">Try again<\/a>/)
  })

  test('may begin again after a minute', async () => {
    const journey = await start()
    const lost = withState(await answerOf(journey), 'a'.repeat(43))
    const stopped = await journey.agent.visit(lost, { stopBefore: atCallback })
    expect(restarted(stopped)).toBe(true)
    advanceClock(minute + 1000)
    expect(restarted(await journey.agent.visit(lost, { stopBefore: atCallback }))).toBe(true)
  })

  test('says so at once when the browser sends no cookie at all', async () => {
    const journey = await start()
    const page = await createUserAgent().visit(await answerOf(journey))
    expect(page).toMatchObject({ status: 400, hops: { length: 1 } })
    expect(page.headers['set-cookie']).toBeUndefined()
    expect(detailOf(journey)).toMatch('the browser sent no cookie at all')
  })

  test('says how long ago it expired', async () => {
    const journey = await start()
    const late = await answerOf(journey)
    advanceClock(18 * minute)
    await journey.agent.visit(late, { stopBefore: atCallback })
    const page = await journey.agent.visit(late)
    expect(page.status).toBe(400)
    expect(page.body).toContain('ERR_TRANSACTION_EXPIRED')
    expect(detailOf(journey)).toMatch('expired 3 min ago; a login may take 15 min')
  })

  test('names the host on which it arrived, when that is not the one of baseUrl', async () => {
    const journey = await start()
    const elsewhere = await answerOf(journey)
    elsewhere.hostname = 'localhost'
    const page = await journey.agent.visit(elsewhere)
    expect(page.status).toBe(400)
    const { host } = new URL(journey.app.url)
    expect(detailOf(journey)).toMatch(
      `came to the host '${elsewhere.host}', and baseUrl says '${host}'`,
    )
  })

  test.each([
    ['by a script', {}, { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: '*/*' }],
    ['as an error', { error: 'access_denied' }, {}],
  ])('does not begin again when it comes %s', async (_title, answer, headers) => {
    const journey = await start()
    const lost = withState(await answerOf(journey), 'a'.repeat(43))
    if ('error' in answer) {
      lost.searchParams.delete('code')
      lost.searchParams.set('error', answer.error)
    }
    const page = await journey.agent.visit(lost, { headers })
    expect(page.status).toBe(400)
    expect(restarted(page)).toBe(false)
  })

  test('is no matter for somebody who is signed in', async () => {
    const journey = await start()
    const lost = withState(await answerOf(journey), 'a'.repeat(43))
    await journey.visit('/photos')
    const page = await journey.agent.visit(lost)
    expect(page.url.href).toBe(`${journey.app.url}/`)
    expect(page.json()).toMatchObject({ sub: 'alice' })
    expect(journey.app.errors).toEqual([])
  })
})
