import { expect, test } from '@jest/globals'
import { emit } from '../../lib/events.ts'
import { createFlowLog } from '../../lib/flow-log.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { startInspectedJourney } from './inspected.ts'

const closing = closeAfterEach()

function startLog(): string[] {
  const lines: string[] = []
  closing(createFlowLog((line) => void lines.push(line)))
  return lines
}

test('every flow that ends is one line', async () => {
  const lines = startLog()
  const { agent, api, app, visit } = closing(await startInspectedJourney())
  await visit('/albums')
  await visit('/fresh')
  await agent.post(`${app.url}/logout`)
  expect(lines).toEqual([
    expect.stringMatching(
      /^login {3}[\w-]{12} {2}signed in after \d+ ms, \d+ ms of them since the callback$/,
    ),
    expect.stringMatching(
      RegExp(`^api {5}[\\w-]{12} {2}GET ${api.url}/v1/albums answered 200 in \\d+ ms$`),
    ),
    expect.stringMatching(/^refresh [\w-]{12} {2}access token renewed in \d+ ms$/),
    expect.stringMatching(/^logout {2}[\w-]{12} {2}signed out in \d+ ms$/),
  ])
})

test('a flow that fails is a box with the cause, the fix and a link to its diagram', async () => {
  const lines = startLog()
  const { inspector: look, provider, visit } = closing(await startInspectedJourney())
  provider.deny()
  await visit('/photos')
  const { flow } = await look.report('login')
  expect(lines).toHaveLength(2)
  const [line, box = ''] = lines
  expect(line).toMatch(/failed after \d+ ms: ERR_LOGIN_CANCELLED$/)
  expect(box).toContain('| ERR_LOGIN_CANCELLED')
  expect(box).toContain('access_denied')
  expect(box).toMatch(/\| cause .*refused the access/)
  expect(box).toMatch(/\| fix {4}Nothing to repair/)
  expect(box).toMatch(/\| see {4}docs\/errors.md#err_login_cancelled, RFC 6749, section 4.1.2.1/)
  expect(box).toContain(`| flow   /oauth-inspector/flows/${flow}`)
})

test('what others wrote stays on its line', () => {
  const lines = startLog()
  emit('login.failed', 'hostile', () => ({
    error: 'ERR_LOGIN_REFUSED',
    facts: { detail: 'first\nsecond\u001B[31m' },
  }))
  expect(lines[1]).toContain('| what   first?second?[31m')
})
