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
type ExpressRequest = IncomingMessage & { app?: ExpressApp }

function stackOf(app: ExpressApp): readonly Layer[] {
  // Express 4 throws on `router`, so its own name goes first.
  // oxlint-disable-next-line no-underscore-dangle
  return (app._router ?? app.router)?.stack ?? []
}

function handlesErrors(stack: readonly Layer[] = []): boolean {
  return stack.some(
    ({ handle, route }) =>
      handle?.length === 4 || handlesErrors(handle?.stack) || handlesErrors(route?.stack),
  )
}

/**
 * Whether an error passed to `next` reaches a handler of the app. Express would answer it with a
 * stack trace otherwise; other frameworks do not say, so there `next` decides.
 */
export function appHandlesErrors(req: ExpressRequest): boolean {
  if (!req.app) return true
  for (let app: ExpressApp | undefined = req.app; app; app = app.parent) {
    if (handlesErrors(stackOf(app))) return true
  }
  return false
}

/** Where the app has mounted express-session, seen from `middleware`, as far as Express tells. */
export function sessionMount(
  req: ExpressRequest,
  middleware: (...args: never[]) => unknown,
): 'before' | 'after' | 'unknown' {
  const stack = req.app ? stackOf(req.app) : []
  const session = stack.findIndex(({ handle }) => handle?.name === 'session')
  const own = stack.findIndex(({ handle }) => handle === middleware)
  if (session === -1 || own === -1) return 'unknown'
  return session < own ? 'before' : 'after'
}
