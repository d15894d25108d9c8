import { describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { refused, startTrial } from '../support/trial.ts'

describe('oidcc-client-formpost-basic-certification-test-plan', () => {
  const closing = closeAfterEach()

  test('oidcc-client-test-form-post-error: shows the error that comes by form', async () => {
    const trial = closing(
      await startTrial({
        responseMode: 'form_post',
        scenario: {
          authorization: ({ state = '' }) => ({ error: 'login_required', state }),
        },
      }),
    )
    expect(await trial.logIn()).toEqual(refused(403, 'ERR_LOGIN_NOT_COMPLETED'))
    expect(trial.agent.history).toContainEqual(
      expect.objectContaining({
        method: 'POST',
        url: new URL(`${trial.app.url}/callback`),
      }),
    )
    expect(trial.provider.front.count('/token')).toBe(0)
  })
})
