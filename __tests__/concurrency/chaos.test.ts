import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import type { Reply } from '../support/exchange.ts'
import type { HerdApp } from '../support/herd-app.ts'
import { backends, type Backend } from '../support/herd-backends.ts'
import { startTraffic } from '../support/herd-traffic.ts'
import { startHerd, tally, type Herd, type HerdOptions } from '../support/herd.ts'

const closing = closeAfterEach()
const refresh = { path: '/token', grantType: 'refresh_token' }
const pastBackOff = 6_000

const statuses = (replies: readonly Reply[]) => new Set(replies.map(({ status }) => status))

/** Signed in, and the access token is over in every process. */
async function startExpired(options: HerdOptions): Promise<Herd> {
  const herd = closing(await startHerd(options))
  await herd.signIn()
  await herd.expire()
  return herd
}

async function winnerOf(apps: readonly HerdApp[]): Promise<HerdApp> {
  return Promise.any(
    apps.map(async (app) => {
      if (app.count('refresh.requested') === 0) await app.next('refresh.requested')
      return app
    }),
  )
}

/** The answers of the apps that lived to give them. */
async function surviving(pending: readonly Promise<Reply[]>[]): Promise<Reply[]> {
  const results = await Promise.allSettled(pending)
  return results.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
}

for (const { describeWithIt, name, start } of backends) {
  describeWithIt(`4 processes over ${name}`, () => {
    let backend: Backend

    beforeAll(async () => {
      backend = await start()
    })
    afterAll(() => backend?.close())

    test('a store that is killed while the provider answers costs no token and no login', async () => {
      const herd = await startExpired({ storeUrl: backend.url })
      const hold = herd.provider.holdTokens(refresh, 'after')
      const pending = herd.stampede('/token', 10)
      await hold.arrived
      const winner = await winnerOf(herd.apps)
      await backend.kill()
      const noticed = winner.next('store.failed')
      hold.release()
      // A killed PostgreSQL has connections that live on for a moment; they may take the tokens.
      await Promise.race([noticed, pending])
      await backend.restart()
      expect([200, 503]).toEqual(expect.arrayContaining([...statuses(await pending)]))

      await herd.advance(pastBackOff)
      const traffic = startTraffic(herd, '/token', 1)
      await traffic.flowing(1)
      await traffic.stop()
      expect(herd.refreshes()).toBe(1)
      expect(tally(await herd.stampede('/token', 5))).toEqual({ 200: 20 })
    })

    test('a winner that dies before the provider has seen its request is replaced', async () => {
      const herd = await startExpired({ storeUrl: backend.url, options: { refresh: { lease: 1 } } })
      const [, ...others] = herd.apps
      const hold = herd.provider.holdTokens({ ...refresh, times: 1 })
      herd.provider.front.faults.add({ ...refresh, times: 1 }, { kind: 'reset' })
      const pending = others.map((app) => herd.stampede('/token', 10, [app]))
      await hold.arrived
      const winner = await winnerOf(others)
      await winner.kill()
      hold.release()
      expect(tally(await surviving(pending))).toEqual({ 200: 20 })
      expect(herd.refreshes()).toBe(2)
    })

    test('a winner that dies with the answer ends the login cleanly, and nobody hangs', async () => {
      const herd = await startExpired({ storeUrl: backend.url, options: { refresh: { lease: 1 } } })
      const [, ...others] = herd.apps
      const hold = herd.provider.holdTokens({ ...refresh, times: 1 }, 'after')
      const pending = others.map((app) => herd.stampede('/token', 10, [app]))
      await hold.arrived
      const winner = await winnerOf(others)
      await winner.kill()
      hold.release()
      const replies = await surviving(pending)
      expect(replies).toHaveLength(20)
      expect([200, 401]).toEqual(expect.arrayContaining([...statuses(replies)]))
      await herd.signIn()
      expect(herd.provider.tokenRequests('authorization_code')).toBe(2)
      const survivors = herd.apps.filter((app) => app !== winner)
      expect(tally(await herd.stampede('/token', 1, survivors))).toEqual({ 200: 3 })
    })

    test('a restart of the store in the middle of traffic signs nobody out', async () => {
      const herd = await startExpired({ storeUrl: backend.url, options: { timeout: 3 } })
      const traffic = startTraffic(herd, '/token', 4)
      await traffic.flowing(10)
      await backend.kill()
      await herd.expire()
      await backend.restart()
      const backAt = performance.now()
      await herd.advance(pastBackOff)
      await traffic.flowing(3)
      const recovery = Math.round(performance.now() - backAt)
      await herd.expire()
      await traffic.flowing(10)
      await traffic.stop()

      const { 200: good, ...bad } = traffic.tally
      process.stdout.write(
        `${name} restarted under traffic: ${good} good answers, others ${JSON.stringify(bad)}, good again after ${recovery} ms\n`,
      )
      expect(['503', 'cut']).toEqual(expect.arrayContaining(Object.keys(bad)))
      expect(herd.provider.tokenRequests('authorization_code')).toBe(1)
      expect(tally(await herd.stampede('/token', 2))).toEqual({ 200: 8 })
    }, 60_000)
  })
}

const [redis] = backends
redis?.describeWithIt('4 processes and a provider in trouble', () => {
  let backend: Backend
  let herd: Herd

  beforeAll(async () => {
    backend = await redis.start()
    herd = await startHerd({
      storeUrl: backend.url,
      options: { refresh: { lease: 0.5 }, timeout: 6 },
    })
  })
  afterEach(() => herd?.provider.front.faults.clear())
  afterAll(async () => {
    await herd?.close()
    await backend?.close()
  })

  /** A new login whose token is over; how many refreshes and codes there were before. */
  async function expired() {
    await herd.agent.cookies.clear()
    await herd.signIn()
    await herd.expire()
    const refreshes = herd.refreshes()
    const codes = herd.provider.tokenRequests('authorization_code')
    return {
      refreshes: () => herd.refreshes() - refreshes,
      codes: () => herd.provider.tokenRequests('authorization_code') - codes,
    }
  }

  test('a token endpoint that is slower than the lease is asked once', async () => {
    const since = await expired()
    herd.provider.front.faults.add(refresh, { kind: 'delay', milliseconds: 2_000 })
    expect(tally(await herd.stampede('/token', 20))).toEqual({ 200: 80 })
    expect(since.refreshes()).toBe(1)
  })

  test('the first caller leaves, and the others get their answers', async () => {
    const since = await expired()
    const hold = herd.provider.holdTokens(refresh)
    const [first] = herd.apps
    if (!first) throw new Error('no app')
    const leaving = new AbortController()
    const left = herd.ask(first, '/token', leaving.signal)
    await hold.arrived
    const others = herd.stampede('/token', 20)
    leaving.abort()
    await expect(left).rejects.toMatchObject({ name: 'AbortError' })
    hold.release()
    expect(tally(await others)).toEqual({ 200: 80 })
    expect(since.refreshes()).toBe(1)
  })

  test('a revoked family signs everybody out, once and without an error page', async () => {
    const grants: string[] = []
    const note = ({ grantId = '' }: { grantId?: string | undefined }) => void grants.push(grantId)
    herd.provider.provider.on('refresh_token.saved', note)
    await expired()
    herd.provider.provider.off('refresh_token.saved', note)
    const [first] = herd.apps
    if (!first) throw new Error('no app')
    await herd.ask(first, '/note?text=milk')
    await herd.expire()
    await herd.provider.provider.RefreshToken.revokeByGrantId(grants.at(-1) ?? '')

    const before = herd.refreshes()
    expect(tally(await herd.stampede('/token', 20))).toEqual({ 401: 80 })
    expect(herd.refreshes()).toBe(before + 1)
    for (const { body } of await herd.stampede('/', 1)) {
      expect(JSON.parse(body)).toEqual({ sub: null })
    }
    await herd.signIn()
    expect(JSON.parse((await herd.ask(first, '/note?text=eggs')).body)).toEqual({
      notes: ['milk', 'eggs'],
    })
  })

  describe.each([
    ['a token endpoint that answers 500', { kind: 'answer', answer: { status: 500 } }],
    ['a connection that is reset', { kind: 'reset' }],
  ] as const)('%s', (_title, fault) => {
    test('is asked at most once by each process, and nobody is signed out', async () => {
      const since = await expired()
      herd.provider.front.faults.add(refresh, fault)
      const replies = await herd.stampede('/token', 20)
      expect(tally(replies)).toEqual({ 503: 80 })
      expect(replies.every(({ headers }) => Number(headers['retry-after']) > 0)).toBe(true)
      const failed = since.refreshes()
      expect(failed).toBeLessThanOrEqual(4)
      expect(tally(await herd.stampede('/photos', 5))).toEqual({ 200: 20 })

      herd.provider.front.faults.clear()
      await herd.advance(pastBackOff)
      expect(tally(await herd.stampede('/token', 20))).toEqual({ 200: 80 })
      expect(since.refreshes()).toBe(failed + 1)
      expect(since.codes()).toBe(0)
    })
  })

  test('an answer that is lost on its way ends at worst in a new sign-in', async () => {
    const since = await expired()
    herd.provider.front.faults.add({ ...refresh, times: 1 }, { kind: 'lost-answer' })
    expect([401, 503]).toEqual(
      expect.arrayContaining([...statuses(await herd.stampede('/token', 20))]),
    )
    await herd.advance(pastBackOff)
    expect(tally(await herd.stampede('/token', 20))).toEqual({ 401: 80 })
    await herd.signIn()
    expect(since.codes()).toBe(1)
    expect(tally(await herd.stampede('/token', 1))).toEqual({ 200: 4 })
  })

  test('keys that cannot be fetched keep nobody waiting and cost no token', async () => {
    const since = await expired()
    const keys = herd.provider.front.faults.hold({ path: '/jwks' })
    expect(tally(await herd.stampede('/token', 20))).toEqual({ 200: 80 })
    await herd.expire()
    expect(tally(await herd.stampede('/token', 20))).toEqual({ 200: 80 })
    await keys.arrived
    expect(since.refreshes()).toBe(2)
    expect(since.codes()).toBe(0)
  })
})
