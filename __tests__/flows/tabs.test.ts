import { describe, expect, test } from '@jest/globals'
import { hostKinds, type HostKind } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { startJourney } from '../support/journey.ts'

const closing = closeAfterEach()

/** Two tabs whose logins have come back from the provider but have not reached the app. */
async function startStopped(host: HostKind) {
  const { agent, app } = closing(await startJourney({ host }))
  const stopped = []
  for (const [index, tab] of [agent, agent.newTab()].entries()) {
    const page = await tab.visit(`${app.url}/photos?tab=${index}`, {
      stopBefore: ({ pathname }) => pathname === '/callback',
    })
    expect(page.pending?.url.pathname).toBe('/callback')
    stopped.push({ tab, page })
  }
  return { agent, app, stopped }
}

describe.each(hostKinds)('two tabs on %s', (host) => {
  test('that sign in at once both arrive where they were going', async () => {
    const { agent, app, provider } = closing(
      await startJourney({ host, config: { logout: { provider: false, revoke: false } } }),
    )
    // oidc-provider itself mixes up two first logins of one browser, so it knows the person already.
    await agent.visit(`${app.url}/photos`)
    await agent.post(`${app.url}/logout`)
    const tabs = [agent, agent.newTab()]
    const pages = await Promise.all(
      tabs.map((tab, index) => tab.visit(`${app.url}/photos?tab=${index}`)),
    )
    expect(pages.map((page) => page.json())).toEqual([
      { owner: 'alice', at: '/photos?tab=0' },
      { owner: 'alice', at: '/photos?tab=1' },
    ])
    expect(provider.tokenRequests('authorization_code')).toBe(3)
    expect(app.errors).toEqual([])
  })

  test('whose answers come at the same moment both arrive', async () => {
    const { app, stopped } = await startStopped(host)
    const pages = await Promise.all(stopped.map(({ tab, page }) => tab.resume(page)))
    expect(pages.map((page) => page.json().at)).toEqual(['/photos?tab=0', '/photos?tab=1'])
    expect(app.errors).toEqual([])
  })

  test.each([
    ['in the order of their start', [0, 1]],
    ['in the opposite order', [1, 0]],
  ])('that come back from the provider %s both arrive', async (_title, order) => {
    const { agent, app, stopped } = await startStopped(host)
    for (const index of order) {
      const arrived = await stopped[index]?.tab.resume(stopped[index].page)
      expect(arrived?.json()).toMatchObject({ at: `/photos?tab=${index}` })
    }
    expect((await agent.visit(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
    expect(app.errors).toEqual([])
  })
})
