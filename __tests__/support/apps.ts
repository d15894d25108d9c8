import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import session, { MemoryStore, type Store } from 'express-session'
import { errorHandler, oauth, type OAuthOptions } from '../../lib/index.ts'
import { createHost, type ErrorStep, type HostKind } from './hosts.ts'
import type { Hold } from './hold.ts'
import { createSite, type Handler } from './site.ts'

export { hostKinds, type HostKind } from './hosts.ts'

export interface AppOptions {
  readonly host?: HostKind
  /** The configuration but for `baseUrl` and `secret`, which the app fills in. */
  readonly config: OAuthOptions
  /** Who mounts express-session: the library, or the app before it. @default 'library' */
  readonly session?: 'library' | 'app'
  readonly apiUrl?: string
  /** Where the whole app is mounted in another one; not for plain `http`. @default '' */
  readonly mountPath?: string
  /** What runs before the library, such as a body parser. */
  readonly before?: readonly Handler[]
}

export interface App {
  readonly url: string
  readonly middleware: ReturnType<typeof oauth>
  readonly store: Store
  /** Everything that came to the app's error handler. */
  readonly errors: readonly unknown[]
  /** Codes of `errors`, for short comparisons. */
  errorCodes(): unknown[]
  readonly holdSlow: () => Hold
  close(): Promise<void>
}

const secret = 'the-secret-of-the-photo-editor-app-0123456789'

/** The photo editor's site on a free port of loopback, on the wanted kind of server. */
export async function startApp(options: AppOptions): Promise<App> {
  let listener: RequestListener = (_req, res) => res.writeHead(503).end()
  const server = createServer((req, res) => listener(req, res))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { mountPath = '' } = options
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${mountPath}`

  const store = new MemoryStore()
  const errors: unknown[] = []
  const ownSession = options.session !== 'app'
  const middleware = oauth({
    baseUrl: url,
    secret,
    ...(ownSession && { session: { store } }),
    ...options.config,
  })
  const record: ErrorStep = (error, _req, _res, next) => {
    errors.push(error)
    next(error)
  }
  const site = createSite(options.apiUrl ?? 'http://127.0.0.1:9')
  const before = [
    ...(ownSession ? [] : [appSession(store)]),
    ...(options.before ?? []),
    middleware as Handler,
  ]
  const onError = [record, errorHandler(), lastResort]
  listener = createHost(options.host ?? 'express5', { before, site, onError }, mountPath)

  return {
    url,
    middleware,
    store,
    errors,
    errorCodes: () => errors.map((error) => (error as { code?: unknown }).code ?? String(error)),
    holdSlow: site.holdSlow,
    async close() {
      await middleware.close()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function appSession(store: Store): Handler {
  return session({
    store,
    name: 'app.sid',
    secret: 'the-secret-of-the-apps-own-session-cookie',
    resave: false,
    saveUninitialized: false,
  }) as unknown as Handler
}

// Express knows error handlers by their four parameters.
const lastResort: ErrorStep = (error, _req, res, _next) => {
  res.statusCode = 500
  res.end(error instanceof Error ? (error.stack ?? error.message) : String(error))
}
