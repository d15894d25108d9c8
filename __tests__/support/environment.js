import { TestEnvironment } from 'jest-environment-node'

// Node's fetch rejects with the outer realm's TypeError; openid-client recognises a network failure
// by `instanceof TypeError`, which only holds when both realms share the constructor.
export default class Environment extends TestEnvironment {
  async setup() {
    await super.setup()
    this.global.TypeError = TypeError
  }
}
