import { describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { accepted, startTrial, withClaims, type Trial } from '../support/trial.ts'
import type { TokenDraft } from '../support/provider-keys.ts'
import type { Scenario } from '../support/scripted-provider.ts'

const closing = closeAfterEach()

/** Signed in with a refresh token; userinfo is left to the app, as the plan wants it. */
async function startSignedIn(idToken?: (draft: TokenDraft) => TokenDraft) {
  const issued: string[] = []
  const scenario: Scenario = {
    idToken: (draft, grantType) =>
      grantType === 'refresh_token' && idToken ? idToken(draft) : draft,
    tokens(body) {
      issued.push(String(body['access_token']))
      return body
    },
  }
  const trial = closing(await startTrial({ refresh: true, config: { userinfo: false }, scenario }))
  expect(await trial.logIn()).toEqual({ ...accepted, userinfoRequests: 0 })
  return { ...trial, issued }
}

const get = ({ agent, app }: Trial, path: string) => agent.fetch(app.url + path)

describe('oidcc-client-refreshtoken-test-plan', () => {
  test('oidcc-client-test-refresh-token: refreshes when told to and uses the new access token', async () => {
    const trial = await startSignedIn()
    for (const round of [1, 2]) {
      expect((await get(trial, '/fresh')).json()).toEqual({ accessToken: trial.issued[round] })
    }
    expect((await get(trial, '/profile')).json()).toMatchObject({ profile: { sub: 'alice' } })
    expect(trial.provider.front.count('/userinfo')).toBe(1)
    expect(trial.provider.front.count('/token', 'refresh_token')).toBe(2)
    expect(trial.provider.violations).toEqual([])
  })

  test.each([
    [
      'oidcc-client-test-refresh-token-invalid-issuer: refuses a refreshed ID token of another issuer',
      'iss',
    ],
    [
      'oidcc-client-test-refresh-token-invalid-sub: refuses a refreshed ID token about somebody else',
      'sub',
    ],
    ['refuses a refreshed ID token for another client', 'aud'],
  ])('%s', async (_title, claim) => {
    const trial = await startSignedIn((draft) =>
      withClaims({ [claim]: `${String(draft.claims[claim])}1` })(draft),
    )
    const refused = await get(trial, '/fresh')
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(refused.body).toContain('ERR_')
    expect(trial.app.errorCodes()).not.toHaveLength(0)
    expect((await get(trial, '/token')).json()['accessToken']).not.toBe(trial.issued[1])
    expect((await get(trial, '/')).json()['sub']).not.toBe('alice1')
    expect(trial.provider.front.count('/userinfo')).toBe(0)
  })
})
