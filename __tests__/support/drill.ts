import type { RequestListener } from 'node:http'
import { createDrillApp, type Answer, type Library } from './drill-app.ts'
import {
  createDrillBrowser,
  type BrowserReply,
  type DrillBrowser,
  type SendOptions,
} from './drill-browser.ts'
import {
  createWeather,
  processes,
  randomNumbers,
  type Deed,
  type Part,
  type Plan,
  type Step,
} from './drill-plan.ts'
import { createDrillProvider, type Family } from './drill-provider.ts'
import { sessionStoreOf, tokenStoreOf } from './drill-stores.ts'
import type { DrillTime } from './drill-time.ts'

/** Longer than everything that a process may remember of a login that has ended elsewhere. */
const pastCaches = 20_000
const pastBackOff = 6_000
/** No request may take longer, whatever happens. */
const longestRequest = 60_000

interface Visitor {
  readonly browser: DrillBrowser
  /** Whether the browser is signed in; `undefined` where an outage left that open. */
  signedIn: boolean | undefined
  /** Whether what the app put into the session must still be there. */
  keeps: boolean
  /** Odd while a sign-in or sign-out is under way, and another number after it. */
  epoch: number
  /** Sign-ins and sign-outs of one browser come one after the other. */
  turn: Promise<void>
  /** Session cookies of logins that are over. */
  readonly ended: Ended[]
}

interface Ended {
  readonly session: string
  readonly process: number
  readonly at: number
  /** Whether the session got another id then; a logout of nobody changes nothing. */
  readonly renamed: boolean
}

export interface Drill {
  readonly library: Library
  readonly time: DrillTime
}

/** Runs a schedule and returns what went against the invariants. */
export async function runDrill(plan: Plan, { library, time }: Drill): Promise<readonly string[]> {
  const complaints: string[] = []
  const log: string[] = []
  const complain = (what: string) => void complaints.push(`${time.now()} ${what}`)
  const weather = createWeather(plan, time.now)
  const provider = createDrillProvider(weather, time)
  const sessions = new Map<string, string>()
  const shared = library.memoryStore()
  const apps = Array.from({ length: processes }, (_, process) =>
    createDrillApp({
      library,
      process,
      provider,
      sessions: sessionStoreOf(sessions, weather, time),
      tokens: tokenStoreOf(shared, weather, time, complain),
      time,
    }),
  )
  const hasTrouble = (...parts: Part[]) => plan.windows.some(({ part }) => parts.includes(part))
  const isOver = (family: Family | undefined) => !family || family.revoked || family.broken
  const appOf = (process: number): RequestListener => {
    const app = apps[process]
    if (!app) throw new RangeError(`no process ${process}`)
    return app
  }

  async function send(
    { browser }: Visitor,
    process: number,
    path: string,
    options?: SendOptions,
  ): Promise<BrowserReply> {
    const reply = await browser.send(appOf(process), path, options)
    log.push(
      `${time.now()} ${browser.account}@${process} ${path.split('&state')[0]} ${reply.status}`,
    )
    if (![200, 302, 303, 401, 503].includes(reply.status) && !isTruthful(path, reply)) {
      complain(`${path} was answered with ${reply.status} ${reply.body.slice(0, 300)}`)
    }
    return reply
  }

  /** A sign-in may fail in more ways, and says so. */
  function isTruthful(path: string, { status }: BrowserReply): boolean {
    return /^\/(login|callback)/.test(path) && [400, 502, 504].includes(status)
  }

  async function signIn(visitor: Visitor, process: number): Promise<void> {
    const { browser } = visitor
    const options = { navigation: true }
    const start = await send(visitor, process, '/login', options)
    if (start.status !== 303) return void (visitor.signedIn = undefined)
    const query = provider.authorize(String(start.headers['location']), browser.account)
    const before = browser.session()
    const end = await send(visitor, process, `/callback?${query}`, options)
    visitor.signedIn = end.status === 303 || undefined
    if (end.status !== 303) return void (visitor.keeps = false)
    if (browser.session() === before) complain('I9: the session id is the same after a sign-in')
    if (before) visitor.ended.push({ session: before, process, at: time.now(), renamed: true })
  }

  async function signOut(visitor: Visitor, process: number): Promise<void> {
    const { browser } = visitor
    const before = browser.session()
    const wasIn = visitor.signedIn && !isOver(provider.familyOf(browser.account))
    const { status } = await send(visitor, process, '/logout', { method: 'POST' })
    visitor.signedIn = status === 303 ? false : undefined
    if (status !== 303) return void (visitor.keeps = false)
    if (wasIn && browser.session() === before && !hasTrouble('sessions')) {
      complain('I9: the session id is the same after a sign-out')
    }
    const renamed = wasIn === true
    if (before) visitor.ended.push({ session: before, process, at: time.now(), renamed })
  }

  function inTurn(visitor: Visitor, work: () => Promise<void>): Promise<void> {
    visitor.turn = visitor.turn.then(async () => {
      visitor.epoch += 1
      await work()
      visitor.epoch += 1
    })
    return visitor.turn
  }

  /** What any answer of a page must hold to. */
  function checkAnswer(visitor: Visitor, path: string, { body, status }: BrowserReply): void {
    if (status !== 200) return
    const { accessToken, sub } = JSON.parse(body) as Answer
    const { account } = visitor.browser
    if (sub !== null && sub !== account) complain(`I7: ${account} was taken for ${sub}`)
    if (accessToken === undefined) return
    const token = provider.about(accessToken)
    const resource = new URLSearchParams(path.split('?')[1]).get('resource') ?? ''
    if (token?.family.account !== account) complain(`I7: ${account} got the token of another`)
    if (token?.resource !== resource) complain(`I7: ${path} got a token for ${token?.resource}`)
  }

  async function visit(visitor: Visitor, process: number, path: string): Promise<void> {
    const { epoch, signedIn } = visitor
    const sent = visitor.browser.session()
    const reply = await send(visitor, process, path, {
      onRenamed() {
        visitor.epoch += 2
        visitor.signedIn = undefined
        visitor.keeps = false
      },
    })
    checkAnswer(visitor, path, reply)
    if (reply.renamed) {
      // With its session gone meanwhile, a request that writes brings the browser another one, and
      // a process that does not know it is gone brings the old one back.
      const [, brought] = /session=([^;]*)/.exec(String(reply.headers['set-cookie'])) ?? []
      const ended = visitor.ended.findLast(
        ({ at, renamed, session }) =>
          renamed && session === sent && at > time.now() - longestRequest,
      )
      const cameBack = brought === sent && ended?.process === process
      if (!path.startsWith('/write') || cameBack) {
        complain(`I6: ${path} took the session cookie away`)
      }
    }
    // What has ended elsewhere may be remembered here for a while.
    const mayLag = visitor.ended.some(
      ({ at, process: other, session }) =>
        session === sent && other !== process && time.now() <= at + pastCaches,
    )
    const isSettled = epoch % 2 === 0 && visitor.epoch === epoch && !mayLag
    if (isSettled) checkSettled(visitor, path, reply, signedIn)
  }

  /** What else must hold when nobody signed in or out meanwhile. */
  function checkSettled(
    visitor: Visitor,
    path: string,
    { body, status }: BrowserReply,
    signedIn: boolean | undefined,
  ): void {
    const { account } = visitor.browser
    const over = isOver(provider.familyOf(account))
    if (signedIn === true && !over && status !== 200 && status !== 503) {
      complain(`I6: ${account} is signed in, and ${path} answers ${status}`)
    }
    if (status !== 200) return
    const { keep, sub } = JSON.parse(body) as Answer
    if (hasTrouble('sessions')) return
    if (signedIn === true && !over && sub === null) complain(`I6: ${path} does not know ${account}`)
    if (signedIn === false && sub !== null) complain(`I10: ${account} is still known to ${path}`)
    if (visitor.keeps && keep !== account) complain(`I9: ${path} has lost what the app kept`)
  }

  async function replay(visitor: Visitor, process: number): Promise<void> {
    const ended = visitor.ended.at(-1)
    if (!ended) return
    const asked = time.now()
    const { session } = ended
    const { status } = await send(visitor, process, '/page', { session })
    const known = process === ended.process || asked > ended.at + pastCaches
    if (known && status === 200) complain('I10: an old cookie still signs in')
  }

  const deeds: Record<Deed, (visitor: Visitor, step: Step) => Promise<void>> = {
    page: (visitor, { process, slowness }) => visit(visitor, process, `/page?slow=${slowness}`),
    home: (visitor, { process, slowness }) => visit(visitor, process, `/?slow=${slowness}`),
    force: (visitor, { process, slowness }) => visit(visitor, process, `/force?slow=${slowness}`),
    resource: (visitor, { process, slowness }) =>
      visit(visitor, process, `/resource?resource=urn:api:${slowness % 2}&slow=${slowness}`),
    write: (visitor, { process, slowness }) => visit(visitor, process, `/write?slow=${slowness}`),
    async leave(visitor, { process }) {
      await send(visitor, process, '/page', { abandoned: true })
    },
    'old cookie': (visitor, { process }) => replay(visitor, process),
    login: (visitor, { process }) => inTurn(visitor, () => signIn(visitor, process)),
    logout: (visitor, { process }) => inTurn(visitor, () => signOut(visitor, process)),
  }

  async function arrive(account: string, process: number): Promise<Visitor> {
    const browser = createDrillBrowser(account)
    const visitor: Visitor = {
      browser,
      signedIn: false,
      keeps: true,
      epoch: 0,
      turn: Promise.resolve(),
      ended: [],
    }
    await send(visitor, process, `/keep?value=${account}`)
    await signIn(visitor, process)
    return visitor
  }

  /** When all is well again, every login that nobody ended is there, in every process. */
  async function aftermath(visitor: Visitor): Promise<void> {
    for (const [process] of apps.entries()) await visit(visitor, process, '/page?slow=0')
    if (visitor.signedIn !== true || isOver(provider.familyOf(visitor.browser.account))) return
    await time.wait(pastCaches)
    for (const path of ['/force', '/page']) {
      for (const [process] of apps.entries()) {
        const { status } = await send(visitor, process, path)
        if (status !== 200) complain(`I3: ${path} answers ${status} when all is well again`)
      }
    }
  }

  function checkReuse(): void {
    for (const { first, second } of provider.reuses) {
      if (first === second) complain(`I2: process ${first} spent a refresh token twice`)
      else if (!hasTrouble('tokens', 'lock', 'writes')) {
        complain(`I1: processes ${first} and ${second} spent the same refresh token`)
      }
    }
  }

  function checkNeed(): void {
    const forced = plan.steps.some(({ deed }) => deed === 'force')
    if (forced || plan.windows.length > 0) return
    for (const age of provider.earlyRefreshes) {
      complain(`I1: a token was refreshed although it was ${age} ms old`)
    }
  }

  async function perform(visitors: readonly Visitor[]): Promise<void> {
    const underWay: Promise<void>[] = []
    for (const [index, step] of plan.steps.entries()) {
      await time.pass(step.after)
      weather.reached(index)
      const visitor = visitors[step.browser]
      if (visitor) underWay.push(deeds[step.deed](visitor, step))
    }
    await time.passUntil(Promise.all(underWay), longestRequest)
  }

  const random = Math.random
  Math.random = randomNumbers(plan.seed ^ 0x5eed)
  try {
    const arrivals = Promise.all(['alice', 'bob'].map((name, index) => arrive(name, index)))
    const visitors = await time.passUntil(arrivals, longestRequest)
    await perform(visitors)
    weather.clear()
    checkNeed()
    await time.pass(pastCaches + pastBackOff)
    await time.passUntil(Promise.all(visitors.map(aftermath)), 2 * longestRequest)
    checkReuse()
  } catch (error) {
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    Math.random = random
  }
  return complaints.length > 0 ? [...complaints, ...log] : []
}
