import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from './options.ts'
import { readCookies, setCookie, signValue, verifyValue } from './cookies.ts'
import { deriveKey } from './seal.ts'
import type { Sessions } from './session.ts'
import { singleFlight } from './tokens/single-flight.ts'

const lifetime = 15 * 60_000
/** The cookie outlives the transaction, so that "it has expired" can be told from "unknown". */
const cookieLifetime = 60 * 60
/** How long a second arrival of the same callback is led to where the first one went. */
const outcomeLifetime = 60_000
const maxPerBrowser = 10

/** One pending login. */
export interface Transaction {
  readonly state: string
  readonly nonce: string | undefined
  readonly codeVerifier: string
  readonly returnTo: string
  readonly redirectUri: string
  readonly flow: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** What was asked for and has to be verified on return. */
  readonly scope: readonly string[]
  readonly maxAge: number | undefined
  readonly acrValues: readonly string[] | undefined
}

/** Where a finished login led: a reload of its callback is led there too. */
export interface Outcome {
  readonly sessionId: string
  readonly returnTo: string
}

type TransactionRecord =
  | { readonly pending: Transaction; readonly answer?: string }
  | { readonly taken: true }
  | { readonly done: Outcome }

/** What became of the transaction that a callback names. */
export type Taken =
  | { readonly status: 'pending'; readonly transaction: Transaction; readonly answer?: string }
  | { readonly status: 'taken' }
  | { readonly status: 'done'; readonly outcome: Outcome }
  | { readonly status: 'expired'; readonly minutesAgo: number }
  | { readonly status: 'unknown'; readonly cookies: boolean }

/** Pending logins: each a short record of its own in the session store, named by a signed cookie. */
export interface Transactions {
  begin(req: IncomingMessage, res: ServerResponse, transaction: Transaction): Promise<void>
  /**
   * Keeps an answer that came without the session until the same-site GET that follows it; the flow
   * of its login, or `undefined` when there is none.
   */
  park(req: IncomingMessage, state: string, answer: string): Promise<string | undefined>
  /**
   * Removes the transaction and hands it out, once, and only to the browser that began it.
   * Removing is the only way to read one.
   */
  take(req: IncomingMessage, state: string): Promise<Taken>
  /** Ends the transaction with an outcome, or without one after a failure. */
  finish(
    req: IncomingMessage,
    res: ServerResponse,
    state: string,
    outcome: Outcome | undefined,
  ): Promise<void>
}

/** 256 random bits, 43 characters: state, nonce and code verifier (RFC 7636 section 4.1). */
export const randomValue = (): string => randomBytes(32).toString('base64url')

/** RFC 7636 section 4.2, method S256. */
export const codeChallenge = (codeVerifier: string): string =>
  createHash('sha256').update(codeVerifier).digest('base64url')

const digestOf = (state: string) => createHash('sha256').update(state).digest('base64url')

export function createTransactions(
  config: Config,
  sessions: Sessions,
  takeOnce: (req: IncomingMessage, id: string, lifetime: number) => Promise<boolean>,
): Transactions {
  const secure = config.baseUrl.protocol === 'https:'
  const prefix = secure ? '__Host-oauth-tx-' : 'oauth-tx-'
  const keys = config.secret.map((one) =>
    deriveKey(one, 'transaction-cookie').toString('base64url'),
  )
  const taking = singleFlight<Taken>()

  const attributes = {
    path: '/',
    httpOnly: true,
    secure,
    // A form that the provider posts is a cross-site request, which Lax cookies do not go with.
    sameSite: config.responseMode === 'form_post' && secure ? ('none' as const) : ('lax' as const),
  }
  const recordId = (digest: string) => `oauth-tx-${digest}`
  const cookieName = (digest: string) => prefix + digest.slice(0, 16)
  const clear = (res: ServerResponse, name: string) =>
    setCookie(res, name, '', { ...attributes, maxAge: 0 })

  /** Our valid cookies in this request, oldest first. */
  const pendingCookies = (req: IncomingMessage) =>
    Object.entries(readCookies(req))
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, signed = '']) => {
        const [digest = '', startedAt = ''] = verifyValue(signed, keys)?.split('.') ?? []
        return { name, digest, startedAt: Number(startedAt) }
      })
      .toSorted((a, b) => a.startedAt - b.startedAt)

  const makeRoom = async (req: IncomingMessage, res: ServerResponse) => {
    const pending = pendingCookies(req)
    for (const { name, digest } of pending.slice(
      0,
      Math.max(0, pending.length - maxPerBrowser + 1),
    )) {
      clear(res, name)
      if (digest) await sessions.dropRecord(req, recordId(digest))
    }
  }

  const put = (req: IncomingMessage, digest: string, record: TransactionRecord, ttl: number) =>
    sessions.putRecord(req, recordId(digest), record, ttl)

  const read = async (req: IncomingMessage, digest: string) =>
    (await sessions.getRecord(req, recordId(digest))) as TransactionRecord | undefined

  /**
   * Another browser, one that sends us no cookies (RFC 9700 section 4.7), or the one that finished
   * this login: its cookie is gone, and its session says that it may know where the login led.
   */
  const withoutCookie = async (req: IncomingMessage, digest: string): Promise<Taken> => {
    const record = sessions.login(req) && (await read(req, digest))
    if (record && 'done' in record && sessions.isLoginOf(req, record.done.sessionId)) {
      return { status: 'done', outcome: record.done }
    }
    return { status: 'unknown', cookies: req.headers.cookie !== undefined }
  }

  const takeNow = async (
    req: IncomingMessage,
    digest: string,
    startedAt: number,
  ): Promise<Taken> => {
    const record = await read(req, digest)
    const age = Date.now() - startedAt
    if (!record || ('pending' in record && age > lifetime)) {
      if (age > lifetime)
        return { status: 'expired', minutesAgo: Math.round((age - lifetime) / 60_000) }
      return { status: 'unknown', cookies: true }
    }
    if ('done' in record) return { status: 'done', outcome: record.done }
    if ('taken' in record || !(await takeOnce(req, recordId(digest), lifetime))) {
      return { status: 'taken' }
    }
    await put(req, digest, { taken: true }, lifetime)
    const { answer, pending } = record
    return { status: 'pending', transaction: pending, ...(answer === undefined ? {} : { answer }) }
  }

  return {
    async begin(req, res, transaction) {
      await makeRoom(req, res)
      const digest = digestOf(transaction.state)
      await put(req, digest, { pending: transaction }, lifetime)
      const value = signValue(`${digest}.${transaction.startedAt}`, keys)
      setCookie(res, cookieName(digest), value, { ...attributes, maxAge: cookieLifetime })
    },
    async park(req, state, answer) {
      const digest = digestOf(state)
      const cookie = pendingCookies(req).find((one) => one.digest === digest)
      const record = cookie && (await read(req, digest))
      if (!record || !('pending' in record)) return undefined
      await put(req, digest, { pending: record.pending, answer }, lifetime)
      return record.pending.flow
    },
    async take(req, state) {
      const digest = digestOf(state)
      const cookie = pendingCookies(req).find((one) => one.digest === digest)
      if (!cookie) return withoutCookie(req, digest)
      let first = false
      const taken = await taking.run(digest, () => {
        first = true
        return takeNow(req, digest, cookie.startedAt)
      })
      // Two requests that arrive together share the look-up, and one of them gets the transaction.
      return taken.status === 'pending' && !first ? { status: 'taken' } : taken
    },
    async finish(req, res, state, outcome) {
      const digest = digestOf(state)
      clear(res, cookieName(digest))
      if (outcome) await put(req, digest, { done: outcome }, outcomeLifetime)
      else await sessions.dropRecord(req, recordId(digest))
    },
  }
}
