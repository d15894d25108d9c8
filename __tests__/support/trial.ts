import type { OAuthOptions } from '../../lib/index.ts'
import { startApp, type App } from './apps.ts'
import type { TokenDraft } from './provider-keys.ts'
import {
  startScriptedProvider,
  type ScriptedProvider,
  type ScriptedProviderOptions,
} from './scripted-provider.ts'
import { createUserAgent, type Page, type UserAgent } from './user-agent.ts'

/** One module of a conformance plan: a provider that may misbehave, an app, and browsers. */
export interface Trial {
  readonly provider: ScriptedProvider
  readonly app: App
  readonly agent: UserAgent
  /** The browser goes to a protected page and is signed in, or not. */
  readonly logIn: () => Promise<Outcome>
  close(): Promise<void>
}

export interface TrialOptions extends ScriptedProviderOptions {
  readonly config?: OAuthOptions
}

export async function startTrial({ config, ...options }: TrialOptions = {}): Promise<Trial> {
  const provider = await startScriptedProvider(options)
  const app = await startApp({
    config: {
      issuer: provider.issuer,
      clientId: provider.clientId,
      clientSecret: provider.clientSecret,
      userinfo: true,
      ...(options.responseMode && { responseMode: options.responseMode }),
      ...config,
    },
  })
  provider.registerApp(app.url)
  const agent = createUserAgent()
  return {
    provider,
    app,
    agent,
    async logIn() {
      const page = await agent.visit(`${app.url}/photos`)
      const home = await agent.fetch(`${app.url}/`)
      return {
        shown: shownOn(page),
        person: home.json().sub,
        errors: app.errorCodes(),
        userinfoRequests: provider.front.count('/userinfo'),
        violations: provider.violations,
      }
    },
    async close() {
      await app.close()
      await provider.close()
    },
  }
}

/** How a login ended, for the visitor, the app and the provider. */
export interface Outcome {
  /** Whose page is shown, or the status and the code of the error page. */
  readonly shown: string
  /** Who is signed in afterwards. */
  readonly person: string | null
  readonly errors: readonly unknown[]
  readonly userinfoRequests: number
  /** What a provider would complain about. */
  readonly violations: readonly string[]
}

export const accepted: Outcome = {
  shown: 'photos of alice',
  person: 'alice',
  errors: [],
  userinfoRequests: 1,
  violations: [],
}

export const refused = (status: number, code: string, userinfoRequests = 0): Outcome => ({
  shown: `${status} ${code}`,
  person: null,
  errors: [code],
  userinfoRequests,
  violations: [],
})

function shownOn({ status, body }: Page): string {
  if (status === 200) return `photos of ${String(JSON.parse(body).owner)}`
  return `${status} ${/<code>(ERR_[A-Z_]+)<\/code>/.exec(body)?.[1]}`
}

/** An ID token with other claims; `undefined` takes a claim away. */
export const withClaims =
  (claims: Record<string, unknown>) =>
  (draft: TokenDraft): TokenDraft => ({
    ...draft,
    claims: Object.fromEntries(
      Object.entries({ ...draft.claims, ...claims }).filter(([, value]) => value !== undefined),
    ),
  })

export const withoutKid = (draft: TokenDraft): TokenDraft => ({
  ...draft,
  header: { alg: draft.header.alg },
})

export const unsigned = (draft: TokenDraft): TokenDraft => ({
  ...draft,
  header: { alg: 'none' },
  key: 'none',
})
