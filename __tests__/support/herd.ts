import { advanceClock, resetClock } from './clock.ts'
import { exchange, type Reply } from './exchange.ts'
import { forkHerdApp, type HerdApp } from './herd-app.ts'
import { startProvider, type RealProvider } from './real-provider.ts'
import { createUserAgent, type UserAgent } from './user-agent.ts'

export interface HerdOptions {
  /** Of the Redis or PostgreSQL that all processes share. */
  readonly storeUrl: string
  /** @default 4 */
  readonly processes?: number
  /** Further options of `oauth()`, as JSON. */
  readonly options?: Readonly<Record<string, unknown>>
}

export interface Herd {
  readonly provider: RealProvider
  readonly apps: readonly HerdApp[]
  readonly agent: UserAgent
  /** A whole sign-in at the first app; the session is everybody's. */
  signIn(): Promise<void>
  /** Sends the same request to all apps at once, as a script of a page would. */
  stampede(path: string, perApp: number, among?: readonly HerdApp[]): Promise<Reply[]>
  ask(app: HerdApp, path: string, signal?: AbortSignal): Promise<Reply>
  /** Puts all clocks past the life of the access token. */
  expire(): Promise<void>
  /** Puts the clocks of all apps and of the provider forward. */
  advance(milliseconds: number): Promise<void>
  refreshes(): number
  close(): Promise<void>
}

/** The provider gives access tokens an hour. */
const pastAccessToken = 3_660_000

/** Several processes of one app over one store, with oidc-provider behind them. */
export async function startHerd({ storeUrl, processes = 4, options }: HerdOptions): Promise<Herd> {
  const provider = await startProvider()
  const agent = createUserAgent()
  const apps: HerdApp[] = []
  const close = async () => {
    await Promise.all(apps.map((app) => app.kill()))
    await provider.close()
    resetClock()
  }
  const [first] = await forkAll(processes, apps).catch(async (error: unknown) => {
    await close()
    throw error
  })
  if (!first) throw new RangeError('a herd has at least one process')
  provider.registerApp(first.url)
  const mount = (app: HerdApp) =>
    app.tell({
      kind: 'mount',
      baseUrl: first.url,
      storeUrl,
      options: {
        issuer: provider.issuer,
        clientId: provider.clientId,
        clientSecret: provider.clientSecret,
        ...options,
      },
    })
  await Promise.all(apps.map(mount))

  const living = () => apps.filter(({ process }) => process.connected)
  const advance = async (milliseconds: number) => {
    advanceClock(milliseconds)
    await Promise.all(living().map((app) => app.tell({ kind: 'advance', milliseconds })))
  }
  const ask = async (app: HerdApp, path: string, signal?: AbortSignal): Promise<Reply> => {
    const url = new URL(path, app.url)
    const headers = {
      accept: 'application/json',
      'sec-fetch-mode': 'cors',
      'sec-fetch-site': 'same-origin',
      cookie: await agent.cookies.header(url, 'strict'),
    }
    return exchange({ method: 'GET', url, headers, signal })
  }

  const stampede = (path: string, perApp: number, among = living()) =>
    Promise.all(Array.from({ length: perApp }, () => among.map((app) => ask(app, path))).flat())

  return {
    provider,
    apps,
    agent,
    async signIn() {
      const page = await agent.visit(`${first.url}/photos`)
      if (page.status !== 200) throw new Error(`sign-in: ${page.status} ${page.body}`)
      // connect-pg-simple never recovers from an outage during its first query.
      await stampede('/', 1)
    },
    ask,
    stampede,
    expire: () => advance(pastAccessToken),
    advance,
    refreshes: () => provider.tokenRequests('refresh_token'),
    close,
  }
}

/** Notes each app in `apps` as soon as it runs. */
async function forkAll(count: number, apps: HerdApp[]): Promise<readonly HerdApp[]> {
  const forkOne = async () => void apps.push(await forkHerdApp())
  await Promise.all(Array.from({ length: count }, forkOne))
  return apps
}

/** How many answers there were of each status, such as `{ 200: 198, 503: 2 }`. */
export function tally(replies: readonly Reply[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
