import { channel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { TestEnvironment } from 'jest-environment-node'

const events = readFileSync(new URL('../../lib/events.ts', import.meta.url), 'utf8')
const channels = [...events.matchAll(/^ {2}'([a-z_.]+)',$/gm)].map(([, name]) =>
  channel(`express-oauth-client:${name}`),
)
const heard = () => channels.filter(({ hasSubscribers }) => hasSubscribers)

export default class Environment extends TestEnvironment {
  // Node's fetch rejects with the outer realm's TypeError; openid-client recognises a network failure
  // by `instanceof TypeError`, which only holds when both realms share the constructor.
  async setup() {
    await super.setup()
    this.global.TypeError = TypeError
    this.heardBefore = new Set(heard())
    this.failed = false
  }

  handleTestEvent({ name, test }) {
    if (name === 'test_done' && test.errors.length > 0) this.failed = true
  }

  // Channels belong to the process, so a file that goes on listening would disturb the next one. A
  // test that has failed may have left them open, and its failure is the one to tell.
  async teardown() {
    const left = heard().filter((one) => !this.heardBefore.has(one))
    const { failed } = this
    await super.teardown()
    if (left.length === 0 || failed) return
    throw new Error(
      `these events are still listened to: ${left.map((one) => String(one.name)).join()}`,
    )
  }
}
