import type { IncomingMessage, ServerResponse } from 'node:http'
import { setInspector } from '../inspector-link.ts'
import type { Middleware, Next } from '../types.ts'
import { createLive } from './live.ts'
import { announcedPath, placeOf } from './mount-path.ts'
import { checkOptions, type InspectorOptions } from './options.ts'
import { createRecorder } from './recorder.ts'
import { answer } from './routes.ts'

export type { InspectorOptions } from './options.ts'

/** The middleware, and the end of it. */
export interface Inspector extends Middleware {
  /** Stops listening, forgets what was recorded and ends the open pages' connections. */
  close(): void
}

/**
 * Shows what this package does while it does it: every login, refresh, logout and API call of this
 * process as a sequence diagram. For development; secrets are masked before they get here.
 *
 * @example
 * import { inspector } from 'express-oauth-client/inspector'
 *
 * if (process.env.NODE_ENV !== 'production') app.use('/oauth-inspector', inspector())
 * @throws {OAuthError} `ERR_CONFIG_INVALID` in production, unless both options allow it.
 */
export function inspector(options: InspectorOptions = {}): Inspector {
  checkOptions(options)
  const recorder = createRecorder()
  const live = createLive(recorder)
  let mountPath: string | undefined

  function inspectorMiddleware(req: IncomingMessage, res: ServerResponse, next: Next): void {
    const place = placeOf(req, middleware)
    mountPath = place.mountPath
    const { path } = place
    if (path === undefined) return next()
    admit(req).then((admitted) => {
      if (!admitted) refuse(res)
      else if (!answer(req, res, path, { live, recorder })) next()
    }, next)
  }

  const admit = async (req: IncomingMessage) => (options.guard ? options.guard(req) : true)

  const middleware = Object.assign(inspectorMiddleware, {
    // Express and Connect tell an app where it is mounted, so this looks like one to them.
    handle: inspectorMiddleware,
    set: () => middleware,
    emit: () => true,
    close() {
      recorder.close()
      live.close()
      setInspector(undefined)
    },
  })
  setInspector(() => mountPath ?? announcedPath(middleware))
  return middleware
}

function refuse(res: ServerResponse): void {
  res.statusCode = 404
  res.setHeader('Content-Type', 'text/plain; charset=utf-8')
  res.setHeader('Cache-Control', 'private, no-store')
  res.end('Not found\n')
}
