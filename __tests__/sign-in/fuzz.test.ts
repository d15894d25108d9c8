import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { startAppProcess } from '../support/app-process.ts'
import {
  createSender,
  hostileRequests,
  type KnownBrowser,
  type HostileRequest,
  type Sender,
  type Target,
} from '../support/hostile-requests.ts'
import { openPipeline } from '../support/pipeline.ts'
import { startScriptedProvider, type ScriptedProvider } from '../support/scripted-provider.ts'
import { createUserAgent } from '../support/user-agent.ts'

const secret = 'the-secret-of-the-app-that-is-thrown-at-0123456789'
const batch = 60
const batches = 350
/** The same requests every time; another number tries others. */
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_121)
const pendingLogins = 50
const patience = 120_000

let provider: ScriptedProvider

beforeAll(async () => {
  provider = await startScriptedProvider()
})

afterAll(() => provider.close())

async function startApp(options: Record<string, unknown>, execArgv: string[] = []) {
  const app = await startAppProcess(
    (port) => ({
      config: {
        ...provider.registration,
        baseUrl: `http://127.0.0.1:${port}`,
        secret,
        ...options,
      },
    }),
    { execArgv },
  )
  provider.registerApp(`http://127.0.0.1:${app.port}`)
  return app
}

/** A browser that is signed in, and many whose login has come back but not reached the app. */
async function prepareTarget(url: string): Promise<Target> {
  const prepare = async (signedIn: boolean): Promise<KnownBrowser> => {
    const agent = createUserAgent()
    const page = await agent.visit(`${url}/photos`, {
      ...(!signedIn && { stopBefore: ({ pathname }) => pathname === '/callback' }),
    })
    const jar = await agent.cookies.of(url)
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ')
    return { cookie, state: page.pending?.url.searchParams.get('state') ?? undefined }
  }
  const browsers = [await prepare(true)]
  while (browsers.length <= pendingLogins) browsers.push(await prepare(false))
  return { secret, browsers }
}

/** What is wrong with the answer; a browser's input is never the server's fault. */
async function complaint(sender: Sender, request: HostileRequest): Promise<string | undefined> {
  const { status, body } = await sender.send(request)
  if (status < 500) return undefined
  return `${status} ${body.slice(0, 400)}\nfor ${JSON.stringify(request).slice(0, 2000)}`
}

test.each([
  ['query', 'query'],
  ['form', 'form_post'],
])(
  'nothing that a browser sends is answered 5xx or harms the process (answers by %s)',
  async (_title, responseMode) => {
    const app = await startApp({ responseMode })
    const sender = createSender(app.port)
    try {
      const target = await prepareTarget(`http://127.0.0.1:${app.port}`)
      const requests = fc.array(hostileRequests(target), { minLength: batch, maxLength: batch })
      const complaints: string[] = []
      let sent = 0
      const property = fc.asyncProperty(requests, async (all) => {
        const answers = await Promise.all(all.map((one) => complaint(sender, one)))
        sent += all.length
        complaints.push(...answers.filter((answer) => answer !== undefined))
        return complaints.length === 0
      })
      const { failed } = await fc.check(property, {
        seed,
        numRuns: batches / 2,
        endOnFailure: true,
      })
      expect({ seed, failed, complaints }).toEqual({ seed, failed: false, complaints: [] })
      expect(sent).toBeGreaterThanOrEqual((batch * batches) / 2)
      expect(app.alive()).toBe(true)
      expect(app.failures).toEqual([])
    } finally {
      sender.close()
      await app.close()
    }
  },
  patience,
)

const rejected = 100_000
const connections = 4
const perWrite = 250

/** Callbacks that belong to no login, each of its own kind and with a state of its own. */
function madeUpCallback(index: number): string {
  const state = `${index}-${'x'.repeat(index % 40)}`
  const cookies = [
    '',
    `Cookie: session=s%3A${index}.abc; oauth-restarted=1\r\n`,
    `Cookie: oauth-tx-${index}=${index}.signature; oauth-restarted=1\r\n`,
  ]
  const accept = index % 2 === 0 ? 'text/html' : '*/*'
  const answer = index % 5 === 0 ? 'error=access_denied' : `code=${index}`
  return `GET /callback?${answer}&state=${state} HTTP/1.1\r\nHost: app\r\nAccept: ${accept}\r\n${cookies[index % cookies.length]}\r\n`
}

test(
  'a hundred thousand rejected callbacks leave nothing behind in memory',
  async () => {
    const app = await startApp({}, ['--expose-gc'])
    const pipelines = await Promise.all(
      Array.from({ length: connections }, () => openPipeline(app.port)),
    )
    let next = 0
    const statuses = new Map<number, number>()
    const sendUntil = (end: number) =>
      Promise.all(
        pipelines.map(async (pipeline) => {
          while (next < end) {
            const first = next
            next = Math.min(end, next + perWrite)
            const indexes = Array.from({ length: next - first }, (_, offset) => first + offset)
            for (const status of await pipeline.send(indexes.map(madeUpCallback))) {
              statuses.set(status, (statuses.get(status) ?? 0) + 1)
            }
          }
        }),
      )
    try {
      // What is compiled and cached once is in memory after the first tenth.
      await sendUntil(rejected / 10)
      const before = await app.heap()
      await sendUntil(rejected)
      const growth = (await app.heap()) - before
      expect([...statuses]).toEqual([[400, rejected]])
      // A hundred bytes for each of them would be nine million.
      expect(growth).toBeLessThan(5_000_000)
      expect(app.failures).toEqual([])
    } finally {
      for (const pipeline of pipelines) pipeline.close()
      await app.close()
    }
  },
  patience,
)
