import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type session from 'express-session'
import type * as library from '../../lib/index.ts'
import type { Auth, TokenStore } from '../../lib/index.ts'
import { origin } from './drill-browser.ts'
import type { DrillProvider } from './drill-provider.ts'
import type { DrillTime } from './drill-time.ts'

export type Library = typeof library

interface AppRequest extends IncomingMessage {
  auth?: Auth
  session?: { keep?: string; count?: number }
}

export interface DrillAppParts {
  readonly library: Library
  readonly process: number
  readonly provider: DrillProvider
  readonly sessions: session.Store
  readonly tokens: TokenStore
  readonly time: DrillTime
}

/** What a page of the app tells about the request. */
export interface Answer {
  readonly sub: string | null
  readonly keep: string | null
  readonly accessToken?: string
}

const server = 'http://127.0.0.1:9'

/** One process of the app; `slow` in the query is how long its handler takes. */
export function createDrillApp(parts: DrillAppParts): RequestListener {
  const { library, process, provider, sessions, time, tokens } = parts
  const middleware = library.oauth({
    server: {
      authorizationEndpoint: `${server}/authorize`,
      tokenEndpoint: `${server}/token`,
      revocationEndpoint: `${server}/revoke`,
    },
    clientId: 'drill',
    clientSecret: 'the-secret-of-the-drill-client',
    baseUrl: origin,
    secret: 'the-secret-of-the-drill-app-0123456789abcdef',
    session: { store: sessions },
    tokenStore: tokens,
    fetch: provider.fetchFor(process),
    onLogin: ({ accessToken }) => ({ sub: provider.about(accessToken)?.family.account ?? '' }),
  })
  const guard = library.requireAuth()
  const tokenGuard = library.requireAuth({ accessToken: true })
  const onError = library.errorHandler()

  async function page(req: AppRequest, url: URL): Promise<Answer> {
    await time.wait(Number(url.searchParams.get('slow')))
    const { auth, session } = req
    if (session && url.pathname === '/keep') session.keep = url.searchParams.get('value') ?? ''
    if (session && url.pathname === '/write') session.count = (session.count ?? 0) + 1
    const about = { sub: auth?.user.sub ?? null, keep: session?.keep ?? null }
    if (!auth) return about
    if (url.pathname === '/force') {
      return { ...about, accessToken: await auth.getAccessToken({ force: true }) }
    }
    const resource = url.searchParams.get('resource')
    if (resource) return { ...about, accessToken: await auth.getAccessToken({ resource }) }
    return { ...about, ...(auth.accessToken && { accessToken: auth.accessToken }) }
  }

  function guardOf(pathname: string) {
    if (pathname === '/page') return tokenGuard
    return ['/force', '/resource'].includes(pathname) ? guard : undefined
  }

  return (req, res) => {
    const url = new URL(req.url ?? '/', origin)
    const fail = (error: unknown) =>
      onError(error, req, res, (other) => answerFailure(res, other ?? error))
    const show = () => {
      page(req, url).then((answer) => res.end(JSON.stringify(answer)), fail)
    }
    middleware(req, res, (error) => {
      if (error) return fail(error)
      const check = guardOf(url.pathname)
      if (!check) return show()
      check(req, res, (refusal) => (refusal ? fail(refusal) : show()))
    })
  }
}

/** A session that could not be saved is reported when the answer has been given. */
function answerFailure(res: ServerResponse, error: unknown): void {
  if (res.headersSent) return
  res.statusCode = 500
  res.end(String(error))
}
