import { channel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { TestEnvironment } from 'jest-environment-node'

const events = readFileSync(new URL('../../lib/events.ts', import.meta.url), 'utf8')
const channels = [...events.matchAll(/^ {2}'([a-z_.]+)',$/gm)].map(([, name]) =>
  channel(`express-oauth-client:${name}`),
)

export default class Environment extends TestEnvironment {
  // Node's fetch rejects with the outer realm's TypeError; openid-client recognises a network failure
  // by `instanceof TypeError`, which only holds when both realms share the constructor.
  async setup() {
    await super.setup()
    this.global.TypeError = TypeError
  }

  // Channels belong to the process, so a file that goes on listening would disturb the next one.
  async teardown() {
    const open = channels.filter(({ hasSubscribers }) => hasSubscribers)
    await super.teardown()
    if (open.length > 0) {
      throw new Error(
        `these events are still listened to: ${open.map(({ name }) => String(name)).join()}`,
      )
    }
  }
}
