import { describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { startTrial } from '../support/trial.ts'
import type { Scenario } from '../support/scripted-provider.ts'

const closing = closeAfterEach()

const modules: ReadonlyArray<[string, NonNullable<Scenario['endSession']>]> = [
  [
    'oidcc-client-test-rp-init-logout: ends the session at the provider and comes back',
    (parameters) => parameters,
  ],
  [
    'oidcc-client-test-rp-init-logout-other-state: survives a return with another state',
    ({ state }) => ({ state: `${state}_INVALID` }),
  ],
  ['oidcc-client-test-rp-init-logout-no-state: survives a return without state', () => ({})],
]

describe('oidcc-client-rp-initiated-logout-rp-basic', () => {
  test.each(modules)('%s', async (_title, endSession) => {
    const trial = closing(await startTrial({ scenario: { endSession } }))
    await trial.logIn()
    const home = await trial.agent.post(`${trial.app.url}/logout`)
    expect(home.status).toBe(200)
    expect(home.url.pathname).toBe('/')
    expect(home.json()).toEqual({ name: null, sub: null })
    expect(trial.provider.logouts).toHaveLength(1)
    expect(trial.provider.violations).toEqual([])
    expect(trial.app.errors).toEqual([])
  })
})
