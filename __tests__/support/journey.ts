import { startApp, type App, type AppOptions } from './apps.ts'
import { startProvider, type RealProvider, type RealProviderOptions } from './real-provider.ts'
import { startResourceServer, type ResourceServer } from './resource-server.ts'
import { createUserAgent, type Page, type UserAgent } from './user-agent.ts'

export interface Journey {
  readonly provider: RealProvider
  readonly api: ResourceServer
  readonly app: App
  readonly agent: UserAgent
  /** Types the address of a page of the app. */
  readonly visit: (path: string) => Promise<Page>
  close(): Promise<void>
}

export interface JourneyOptions extends Omit<Partial<AppOptions>, 'apiUrl'> {
  readonly provider?: RealProviderOptions
}

/** A provider, an API, the app between them and a browser before it. */
export async function startJourney(options: JourneyOptions = {}): Promise<Journey> {
  const provider = await startProvider({ interaction: 'page', ...options.provider })
  const api = await startResourceServer(provider.accountOf)
  const app = await startApp({
    ...options,
    apiUrl: api.url,
    config: {
      issuer: provider.issuer,
      clientId: provider.clientId,
      clientSecret: provider.clientSecret,
      ...options.config,
    },
  })
  provider.registerApp(app.url)
  const agent = createUserAgent()
  return {
    provider,
    api,
    app,
    agent,
    visit: (path) => agent.visit(app.url + path),
    async close() {
      await app.close()
      await api.close()
      await provider.close()
    },
  }
}

const hour = 3_600_000

/** How far the clock has to move for an access token to be over; the provider gives an hour. */
export const pastAccessToken = hour + 60_000
