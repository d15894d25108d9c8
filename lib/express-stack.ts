import type { IncomingMessage } from 'node:http'

/** What Express shows of the middlewares of an app: version 4 as `_router`, version 5 as `router`. */
interface Layer {
  readonly handle?: ((...args: never[]) => unknown) & { readonly stack?: readonly Layer[] }
  readonly route?: { readonly stack?: readonly Layer[] }
}
interface ExpressApp {
  readonly _router?: { readonly stack?: readonly Layer[] }
  readonly router?: { readonly stack?: readonly Layer[] }
  readonly parent?: ExpressApp
}
type ExpressRequest = IncomingMessage & { app?: ExpressApp; baseUrl?: string }

function stackOf(app: ExpressApp): readonly Layer[] {
  // Express 4 throws on `router`, so its own name goes first.
  // oxlint-disable-next-line no-underscore-dangle
  return (app._router ?? app.router)?.stack ?? []
}

const ours = new Set(['oauthMiddleware', 'requireAuthMiddleware'])

const holdsOurs = (stack: readonly Layer[] = []): boolean =>
  stack.some(
    ({ handle, route }) =>
      ours.has(handle?.name ?? '') || holdsOurs(handle?.stack) || holdsOurs(route?.stack),
  )

/** The handlers of a router see what happens in it, and nothing from outside. */
function handlesErrors(stack: readonly Layer[], insideRouter: boolean): boolean {
  const nested = (inner: readonly Layer[] = []) =>
    (insideRouter || holdsOurs(inner)) && handlesErrors(inner, insideRouter)
  return stack.some(
    ({ handle, route }) => handle?.length === 4 || nested(handle?.stack) || nested(route?.stack),
  )
}

/**
 * Whether an error passed to `next` reaches a handler of the app. Express would answer it with a
 * stack trace otherwise; other frameworks do not say, so there `next` decides.
 */
export function appHandlesErrors(req: ExpressRequest): boolean {
  if (!req.app) return true
  for (let app: ExpressApp | undefined = req.app; app; app = app.parent) {
    if (handlesErrors(stackOf(app), Boolean(req.baseUrl))) return true
  }
  return false
}

export type SessionMount = 'before' | 'after' | 'unknown'

function sessionMount(
  stack: readonly Layer[],
  middleware: (...args: never[]) => unknown,
): SessionMount {
  const session = stack.findIndex(({ handle }) => handle?.name === 'session')
  const own = stack.findIndex(({ handle }) => handle === middleware)
  if (session === -1 || own === -1) return 'unknown'
  return session < own ? 'before' : 'after'
}

/**
 * Where the app has mounted express-session, seen from `middleware`, as far as Express tells. It is
 * looked at again only when the app has mounted more.
 */
export function sessionMountOf(
  middleware: (...args: never[]) => unknown,
): (req: ExpressRequest) => SessionMount {
  let known: { stack: readonly Layer[]; length: number; mounted: SessionMount } | undefined
  return ({ app }) => {
    if (!app) return 'unknown'
    const stack = stackOf(app)
    if (known?.stack !== stack || known.length !== stack.length) {
      known = { stack, length: stack.length, mounted: sessionMount(stack, middleware) }
    }
    return known.mounted
  }
}
