import { expect, jest, test } from '@jest/globals'
import { startDrillTime, type DrillTime } from '../support/drill-time.ts'
import { callListener } from '../support/drill-request.ts'
let time: DrillTime
jest.unstable_mockModule('node:timers/promises', () => ({
  setTimeout: (...args: Parameters<DrillTime['wait']>) => time.wait(...args),
}))
test('x', async () => {
  time = startDrillTime(1_900_000_000_000)
  const { oauth, requireAuth, errorHandler, memoryStore } = await import('../../lib/index.ts')
  const { MemoryStore } = (await import('express-session')).default as any
  const m = oauth({ server: { authorizationEndpoint: 'http://127.0.0.1:9/a', tokenEndpoint: 'http://127.0.0.1:9/token' }, clientId: 'x', clientSecret: 'y', baseUrl: 'http://127.0.0.1', secret: 'x'.repeat(40), tokenStore: memoryStore(), session: { store: new MemoryStore() },
   onLogin: () => ({ sub: 'alice' }), fetch: (async (u: string, i: any) => { await time.wait(50); return new Response(JSON.stringify({ access_token: 'a', token_type: 'bearer', expires_in: 60, refresh_token: 'r' }), { headers: { 'content-type': 'application/json' } }) }) as any })
  const guard = requireAuth()
  const listener = (req: any, res: any) => m(req, res, (e?: unknown) => e ? errorHandler()(e, req, res, (x) => { res.statusCode = 500; res.end(String(x)) }) : guard(req, res, (e2) => { res.statusCode = e2 ? 500 : 200; res.end(JSON.stringify({ sub: req.auth?.user.sub, e: String(e2) })) }))
  const r1 = await time.passUntil(callListener(listener, { method: 'GET', url: '/login', headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: 'text/html' } }), 60_000)
  console.log(r1)
  const loc = new URL(String(r1.headers.location))
  const cookie = String([r1.headers['set-cookie']].flat()[0]).split(';')[0]!
  const t0 = process.hrtime.bigint()
  const r2 = await time.passUntil(callListener(listener, { method: 'GET', url: '/callback?code=c&state=' + loc.searchParams.get('state'), headers: { cookie, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', accept: 'text/html' } }), 60_000)
  console.log(r2, Number(process.hrtime.bigint() - t0) / 1e6, time.now())
  const sc = [r2.headers['set-cookie']].flat().map(c => String(c).split(';')[0]).join('; ')
  for (let i = 0; i < 3; i++) {
  const t1 = process.hrtime.bigint()
  const r3 = await time.passUntil(callListener(listener, { method: 'GET', url: '/', headers: { cookie: sc } }), 60_000)
  console.log(r3, Number(process.hrtime.bigint() - t1) / 1e6)
  await time.pass(61_000)
  }
  time.restore()
})
