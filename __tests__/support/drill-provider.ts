import { tokenLife, type Weather } from './drill-plan.ts'
import type { DrillTime } from './drill-time.ts'

/** All tokens of one sign-in. */
export interface Family {
  readonly account: string
  /** The provider has ended it. */
  revoked: boolean
  /** An answer with the next refresh token got lost, so the next refresh ends it. */
  broken: boolean
  /** When it got its own access token, in milliseconds. */
  refreshedAt: number
}

/** The apps refresh at most a fifth of a token's life before its end. */
const earliest = tokenLife * 800

interface RefreshToken {
  readonly family: Family
  use: { readonly process: number; answered: boolean } | undefined
}

/** A refresh token that was sent again although its first use had been answered. */
export interface Reuse {
  readonly first: number
  readonly second: number
}

export interface DrillProvider {
  readonly reuses: readonly Reuse[]
  /** How old a login's own token was, in milliseconds, that was refreshed before its time. */
  readonly earlyRefreshes: readonly number[]
  /** What an app process fetches with. */
  fetchFor(process: number): typeof globalThis.fetch
  /** The person signs in; the query of the callback. */
  authorize(location: string, account: string): string
  about(accessToken: string): { family: Family; resource: string } | undefined
  /** Of the newest sign-in of the account. */
  familyOf(account: string): Family | undefined
}

const json = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })

/** A plain OAuth 2.0 server that rotates refresh tokens and ends a family on reuse. */
export function createDrillProvider(weather: Weather, time: DrillTime): DrillProvider {
  const codes = new Map<string, string>()
  const refreshTokens = new Map<string, RefreshToken>()
  const accessTokens = new Map<string, { family: Family; resource: string }>()
  const families = new Map<string, Family>()
  const reuses: Reuse[] = []
  const earlyRefreshes: number[] = []
  let issued = 0

  function issue(family: Family, resource: string): Response {
    issued += 1
    refreshTokens.set(`refresh-${issued}`, { family, use: undefined })
    accessTokens.set(`access-${issued}`, { family, resource })
    return json(200, {
      access_token: `access-${issued}`,
      refresh_token: `refresh-${issued}`,
      token_type: 'Bearer',
      expires_in: tokenLife,
    })
  }

  function redeem(form: URLSearchParams): Response {
    const account = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    if (account === undefined) return json(400, { error: 'invalid_grant' })
    const family = { account, revoked: false, broken: false, refreshedAt: time.now() }
    families.set(account, family)
    return issue(family, '')
  }

  function refresh(form: URLSearchParams, process: number): [Response, RefreshToken | undefined] {
    const token = refreshTokens.get(form.get('refresh_token') ?? '')
    if (!token || token.family.revoked) return [json(400, { error: 'invalid_grant' }), undefined]
    if (token.use) {
      if (token.use.answered) reuses.push({ first: token.use.process, second: process })
      token.family.revoked = true
      return [json(400, { error: 'invalid_grant' }), undefined]
    }
    token.use = { process, answered: false }
    const resource = form.get('resource') ?? ''
    if (resource === '') noteAge(token.family)
    return [issue(token.family, resource), token]
  }

  function noteAge(family: Family): void {
    const age = time.now() - family.refreshedAt
    if (age < earliest) earlyRefreshes.push(age)
    family.refreshedAt = time.now()
  }

  async function serve(process: number, url: URL, init: RequestInit = {}): Promise<Response> {
    const form = new URLSearchParams(init.body as URLSearchParams)
    await travel(init.signal)
    const trouble = weather.troubleOf('provider')
    if (trouble === 'failing') return json(500, {})
    if (trouble === 'silent') await silence(init.signal)
    if (url.pathname === '/revoke') {
      const token = refreshTokens.get(form.get('token') ?? '')
      if (token) token.family.revoked = true
      return json(200, {})
    }
    if (form.get('grant_type') !== 'refresh_token') return redeem(form)
    const [answer, token] = refresh(form, process)
    if (token) token.family.broken = true
    await travel(init.signal)
    if (trouble === 'lost') throw new TypeError('fetch failed')
    if (token?.use) {
      token.use.answered = true
      token.family.broken = false
    }
    return answer
  }

  /** A way through the network, which ends early when the client hangs up. */
  async function travel(signal: AbortSignal | null | undefined): Promise<void> {
    await time.wait(weather.delay())
    signal?.throwIfAborted()
  }

  function silence(signal: AbortSignal | null | undefined): Promise<never> {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new TypeError('fetch failed')))
    })
  }

  return {
    reuses,
    earlyRefreshes,
    fetchFor: (process) => async (url, init) => serve(process, new URL(url), init),
    authorize(location, account) {
      const state = new URL(location).searchParams.get('state') ?? ''
      issued += 1
      codes.set(`code-${issued}`, account)
      return new URLSearchParams({ code: `code-${issued}`, state }).toString()
    },
    about: (accessToken) => accessTokens.get(accessToken),
    familyOf: (account) => families.get(account),
  }
}
