import { createHash } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { readConfig } from '../lib/config.ts'
import type { OAuthOptions } from '../lib/options.ts'
import type { Sessions } from '../lib/session.ts'
import {
  codeChallenge,
  createTransactions,
  randomValue,
  type Transaction,
} from '../lib/transaction.ts'
import { advanceClock, resetClock } from './support/clock.ts'

afterEach(resetClock)

const minute = 60_000

interface Stored {
  readonly value: unknown
  readonly ttl: number
}

/** Records as a session store keeps them, and one visitor who may be signed in. */
function createRecords() {
  const records = new Map<string, Stored>()
  const state = { sessionId: undefined as string | undefined }
  const sessions: Partial<Sessions> = {
    async putRecord(_req, id, value, ttl) {
      records.set(id, { value: JSON.parse(JSON.stringify(value)), ttl })
    },
    getRecord: async (_req, id) => records.get(id)?.value,
    async dropRecord(_req, id) {
      records.delete(id)
    },
    login: () => (state.sessionId ? ({ tokenSetId: 'x' } as never) : undefined),
    isLoginOf: (_req, id) => state.sessionId === id,
  }
  return { records, state, sessions: sessions as Sessions }
}

function createTransactionsWith(options: OAuthOptions = {}, shared = createRecords()) {
  const config = readConfig({
    issuer: 'https://idp.example.com',
    clientId: 'photo-editor',
    clientSecret: 'the-client-secret',
    baseUrl: 'https://app.example.com',
    secret: 'the-sealing-secret-of-at-least-32-characters',
    ...options,
  })
  const taken = new Set<string>()
  const takeOnce = async (_req: IncomingMessage, id: string) => {
    if (taken.has(id)) return false
    taken.add(id)
    return true
  }
  return { ...shared, transactions: createTransactions(config, shared.sessions, takeOnce) }
}

const newTransaction = (changes: Partial<Transaction> = {}): Transaction => ({
  state: randomValue(),
  nonce: randomValue(),
  codeVerifier: randomValue(),
  returnTo: '/photos?album=7#3',
  redirectUri: 'https://app.example.com/callback',
  flow: 'flow-1',
  startedAt: Date.now(),
  scope: ['openid'],
  maxAge: undefined,
  acrValues: undefined,
  ...changes,
})

/** The cookies of one browser, as far as these tests need them. */
function createBrowser() {
  const cookies = new Map<string, string>()
  const written: string[] = []
  return {
    cookies,
    written,
    request(): IncomingMessage {
      const req = new IncomingMessage(new Socket())
      const header = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      if (header) req.headers.cookie = header
      return req
    },
    receive(res: ServerResponse): void {
      for (const line of [res.getHeader('Set-Cookie') ?? []].flat().map(String)) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        written.push(line)
        if (/Max-Age=0/.test(line)) cookies.delete(name)
        else cookies.set(name, value)
      }
    },
  }
}

type Browser = ReturnType<typeof createBrowser>
type Setting = ReturnType<typeof createTransactionsWith>

async function begin({ transactions }: Setting, browser: Browser, changes?: Partial<Transaction>) {
  const transaction = newTransaction(changes)
  const req = browser.request()
  const res = new ServerResponse(req)
  await transactions.begin(req, res, transaction)
  browser.receive(res)
  return transaction
}

async function finish(
  setting: Setting,
  browser: Browser,
  ...rest: [string, { sessionId: string; returnTo: string }?]
) {
  const [state, outcome] = rest
  const req = browser.request()
  const res = new ServerResponse(req)
  await setting.transactions.finish(req, res, state, outcome)
  browser.receive(res)
}

describe('a pending login', () => {
  it('is handed out once, as it was', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const transaction = await begin(setting, browser, { maxAge: 60, acrValues: ['gold'] })
    const { take } = setting.transactions
    expect(await take(browser.request(), transaction.state)).toEqual({
      status: 'pending',
      transaction,
    })
    expect(await take(browser.request(), transaction.state)).toEqual({ status: 'taken' })
  })

  it('is handed out once to requests that arrive together', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    const results = await Promise.all(
      Array.from({ length: 20 }, () => setting.transactions.take(browser.request(), state)),
    )
    const statuses = results.map(({ status }) => status).toSorted()
    expect(statuses).toEqual(['pending', ...Array.from({ length: 19 }, () => 'taken')])
  })

  it('is handed out once to processes that share the store', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    const [record] = setting.records
    const first = await setting.transactions.take(browser.request(), state)
    // What another process read before the first one had written.
    if (record) setting.records.set(...record)
    const second = await setting.transactions.take(browser.request(), state)
    expect([first.status, second.status]).toEqual(['pending', 'taken'])
  })

  it('is not handed out to a browser that did not begin it', async () => {
    const setting = createTransactionsWith()
    const { state } = await begin(setting, createBrowser())
    const { take } = setting.transactions
    expect(await take(createBrowser().request(), state)).toEqual({
      status: 'unknown',
      cookies: false,
    })
    const other = createBrowser()
    await begin(setting, other)
    expect(await take(other.request(), state)).toEqual({ status: 'unknown', cookies: true })
  })

  it('is not handed out for a cookie that somebody made up or changed', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    const [[name, value] = ['', '']] = browser.cookies
    const digest = createHash('sha256').update(state).digest('base64url')
    for (const forged of [
      `${digest}.${Date.now()}`,
      `${digest}.${Date.now()}.signature`,
      decodeURIComponent(value).replace(/.$/, ''),
      '',
    ]) {
      browser.cookies.set(name, encodeURIComponent(forged))
      const taken = await setting.transactions.take(browser.request(), state)
      expect(taken).toEqual({ status: 'unknown', cookies: true })
    }
    browser.cookies.set(name, value)
    expect(await setting.transactions.take(browser.request(), state)).toMatchObject({
      status: 'pending',
    })
  })

  it('is not handed out under another state', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    for (const other of ['', 'x', randomValue(), state.toUpperCase(), `${state}=`]) {
      expect(await setting.transactions.take(browser.request(), other)).toMatchObject({
        status: 'unknown',
      })
    }
  })

  it('lives for a quarter of an hour, and then says how long ago that was', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    advanceClock(25 * minute)
    expect(await setting.transactions.take(browser.request(), state)).toEqual({
      status: 'expired',
      minutesAgo: 10,
    })
  })

  it('says that it expired when the store has forgotten it as well', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    setting.records.clear()
    expect(await setting.transactions.take(browser.request(), state)).toEqual({
      status: 'unknown',
      cookies: true,
    })
    advanceClock(16 * minute)
    expect(await setting.transactions.take(browser.request(), state)).toEqual({
      status: 'expired',
      minutesAgo: 1,
    })
  })

  it('is still found after the secret was rotated', async () => {
    const shared = createRecords()
    const browser = createBrowser()
    const before = createTransactionsWith({ secret: 'a'.repeat(32) }, shared)
    const { state } = await begin(before, browser)
    const after = createTransactionsWith({ secret: ['b'.repeat(32), 'a'.repeat(32)] }, shared)
    expect(await after.transactions.take(browser.request(), state)).toMatchObject({
      status: 'pending',
    })
  })
})

describe('the cookie of a pending login', () => {
  it.each<[OAuthOptions, RegExp]>([
    [
      {},
      /^__Host-oauth-tx-[\w-]{16}=[^;]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    ],
    [
      { responseMode: 'form_post' },
      /^__Host-oauth-tx-[\w-]{16}=[^;]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=None$/,
    ],
    [
      { baseUrl: 'http://localhost:3000' },
      /^oauth-tx-[\w-]{16}=[^;]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
    ],
    [
      { baseUrl: 'http://localhost:3000', responseMode: 'form_post' },
      /^oauth-tx-[\w-]{16}=[^;]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
    ],
  ])('with %j is as narrow as it can be', async (options, expected) => {
    const browser = createBrowser()
    await begin(createTransactionsWith(options), browser)
    expect(browser.written).toEqual([expect.stringMatching(expected)])
  })

  it('holds neither state nor verifier nor nonce, and neither does the name of the record', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state, codeVerifier, nonce = '' } = await begin(setting, browser)
    const shown = [...browser.written, ...setting.records.keys()].join()
    for (const secret of [state, codeVerifier, nonce]) expect(shown).not.toContain(secret)
  })

  it('is deleted with the attributes it was set with', async () => {
    const setting = createTransactionsWith({ responseMode: 'form_post' })
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    await finish(setting, browser, state)
    const [set = '', deleted = ''] = browser.written
    const attributes = (line: string) => line.split('; ').slice(2)
    expect(deleted).toContain('=; Max-Age=0;')
    expect(deleted.split('=')[0]).toBe(set.split('=')[0])
    expect(attributes(deleted)).toEqual(attributes(set))
  })

  it('is one of ten at most; the oldest makes room', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const begun: Transaction[] = []
    for (let count = 0; count < 13; count += 1) {
      begun.push(await begin(setting, browser))
      advanceClock(1000)
    }
    expect(browser.cookies.size).toBe(10)
    expect(setting.records.size).toBe(10)
    const statuses = []
    for (const { state } of begun) {
      statuses.push((await setting.transactions.take(browser.request(), state)).status)
    }
    expect(statuses).toEqual([
      ...Array.from({ length: 3 }, () => 'unknown'),
      ...Array.from({ length: 10 }, () => 'pending'),
    ])
  })

  it('makes room for itself among cookies that somebody planted', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    for (let index = 0; index < 30; index += 1) {
      browser.cookies.set(`__Host-oauth-tx-${index}`, 'planted')
    }
    const { state } = await begin(setting, browser)
    expect(browser.cookies.size).toBe(10)
    expect(await setting.transactions.take(browser.request(), state)).toMatchObject({
      status: 'pending',
    })
  })
})

describe('an answer that came by a cross-site form', () => {
  it('waits for the request that finishes the login', async () => {
    const setting = createTransactionsWith({ responseMode: 'form_post' })
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    const flow = await setting.transactions.park(browser.request(), state, 'code=x')
    expect(await setting.transactions.take(browser.request(), state)).toMatchObject({
      status: 'pending',
      answer: 'code=x',
      transaction: { flow },
    })
  })

  it('is not kept for another browser, for nobody, or after the login', async () => {
    const setting = createTransactionsWith({ responseMode: 'form_post' })
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    const { park, take } = setting.transactions
    expect(await park(createBrowser().request(), state, 'code=x')).toBeUndefined()
    expect(await park(browser.request(), randomValue(), 'code=x')).toBeUndefined()
    await take(browser.request(), state)
    expect(await park(browser.request(), state, 'code=x')).toBeUndefined()
    expect(JSON.stringify([...setting.records])).not.toContain('code=x')
  })
})

describe('a finished login', () => {
  const outcome = { sessionId: 'session-1', returnTo: '/photos' }

  it('tells a second arrival where it led, as long as the browser has a cookie for it', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    const late = browser.request()
    await setting.transactions.take(browser.request(), state)
    await finish(setting, browser, state, outcome)
    expect(await setting.transactions.take(late, state)).toEqual({ status: 'done', outcome })
    expect([...setting.records.values()].map(({ ttl }) => ttl)).toEqual([minute])
  })

  it('tells it to the session that came of it when the cookie is gone, and to no other', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    await setting.transactions.take(browser.request(), state)
    await finish(setting, browser, state, outcome)
    expect(browser.cookies.size).toBe(0)
    const unknown = { status: 'unknown', cookies: false }
    expect(await setting.transactions.take(browser.request(), state)).toEqual(unknown)
    setting.state.sessionId = 'session-2'
    expect(await setting.transactions.take(browser.request(), state)).toEqual(unknown)
    setting.state.sessionId = 'session-1'
    expect(await setting.transactions.take(browser.request(), state)).toEqual({
      status: 'done',
      outcome,
    })
  })

  it('that failed leaves nothing', async () => {
    const setting = createTransactionsWith()
    const browser = createBrowser()
    const { state } = await begin(setting, browser)
    await setting.transactions.take(browser.request(), state)
    await finish(setting, browser, state)
    expect([setting.records.size, browser.cookies.size]).toEqual([0, 0])
  })
})

describe('random values', () => {
  it('have 256 bits in 43 characters that need no encoding', () => {
    const values = Array.from({ length: 1000 }, () => randomValue())
    expect(new Set(values).size).toBe(1000)
    expect(values.filter((value) => !/^[\w-]{43}$/.test(value))).toEqual([])
  })

  it('are challenged as RFC 7636 appendix B shows', () => {
    expect(codeChallenge('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(
      'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    )
  })
})
