import { describe, expect, test } from '@jest/globals'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { startJourney } from '../support/journey.ts'

const closing = closeAfterEach()

describe.each(hostKinds)('two tabs on %s', (host) => {
  test('that sign in at once both arrive where they were going', async () => {
    const { agent, app } = closing(await startJourney({ host }))
    const tabs = [agent, agent.newTab()]
    const pages = await Promise.all(
      tabs.map((tab, index) => tab.visit(`${app.url}/photos?tab=${index}`)),
    )
    expect(pages.map((page) => page.json())).toEqual([
      { owner: 'alice', at: '/photos?tab=0' },
      { owner: 'alice', at: '/photos?tab=1' },
    ])
    expect(app.errors).toEqual([])
  })

  test.each([
    ['in the order of their start', [0, 1]],
    ['in the opposite order', [1, 0]],
  ])('that come back from the provider %s both arrive', async (_title, order) => {
    const { agent, app } = closing(await startJourney({ host }))
    const tabs = [agent, agent.newTab()]
    const isCallback = (url: URL) => url.pathname === '/callback'
    const stopped = []
    for (const [index, tab] of tabs.entries()) {
      const page = await tab.visit(`${app.url}/photos?tab=${index}`, { stopBefore: isCallback })
      expect(page.pending?.url.pathname).toBe('/callback')
      stopped.push({ tab, page })
    }
    for (const index of order) {
      const arrived = await stopped[index]?.tab.resume(stopped[index].page)
      expect(arrived?.json()).toMatchObject({ at: `/photos?tab=${index}` })
    }
    expect((await agent.visit(`${app.url}/albums`)).json()).toMatchObject({ status: 200 })
    expect(app.errors).toEqual([])
  })
})
