import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { backends, type Backend } from '../support/herd-backends.ts'
import { startHerd, tally, type Herd } from '../support/herd.ts'

const rounds = 20
const perApp = 50

for (const { describeWithIt, name, start } of backends) {
  describeWithIt(`4 processes over ${name}`, () => {
    let backend: Backend
    let herd: Herd

    beforeAll(async () => {
      backend = await start()
      herd = await startHerd({ storeUrl: backend.url })
    })
    afterAll(async () => {
      await herd?.close()
      await backend?.close()
    })

    test(`refresh once for 200 requests at the moment of expiry, ${rounds} times over`, async () => {
      const { provider } = herd
      const refresh = { path: '/token', grantType: 'refresh_token' }
      provider.front.faults.add(refresh, { kind: 'delay', milliseconds: 200 })
      await herd.signIn()

      for (let round = 1; round <= rounds; round++) {
        await herd.expire()
        const replies = await herd.stampede('/token', perApp)
        expect({ round, ...tally(replies) }).toEqual({ round, 200: 4 * perApp })
        expect({ round, refreshes: herd.refreshes() }).toEqual({ round, refreshes: round })
        const tokens = new Set(replies.map(({ body }) => JSON.parse(body).accessToken))
        expect(tokens.size).toBe(1)
        const [token] = tokens
        expect(await provider.accountOf(token)).toBe('alice')
      }

      expect(tally(await herd.stampede('/photos', 1))).toEqual({ 200: 4 })
      expect(provider.tokenRequests('authorization_code')).toBe(1)
    }, 90_000)
  })
}
