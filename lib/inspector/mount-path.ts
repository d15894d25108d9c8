import type { IncomingMessage } from 'node:http'

/** Where the inspector answers when it is mounted without a path. */
const ownPath = '/oauth-inspector'

type MountedRequest = IncomingMessage & { baseUrl?: string; originalUrl?: string }

/** What Express and Connect tell those whom they mount: Express an app, Connect a server. */
interface Mounted {
  readonly mountpath?: unknown
  readonly parent?: { path?(): string }
  readonly route?: unknown
}

/** Where a request goes inside the inspector, and where the inspector is. */
export interface Place {
  readonly mountPath: string
  /** Path below the mount; `undefined` when the request is for somebody else. */
  readonly path: string | undefined
}

const pathIn = (url: string): string => url.split('?')[0] ?? '/'

export function placeOf(req: MountedRequest, middleware: object): Place {
  const path = pathIn(req.url ?? '/')
  const full = pathIn(req.originalUrl ?? req.url ?? '/')
  const cut = req.baseUrl ?? cutOff(full, path)
  if (cut && !isPathless(middleware)) return { mountPath: cut, path: full === cut ? '' : path }
  const within = path === ownPath || path.startsWith(`${ownPath}/`)
  return { mountPath: cut + ownPath, path: within ? path.slice(ownPath.length) : undefined }
}

/** Connect leaves a slash where nothing remains of an address. */
function cutOff(full: string, path: string): string {
  if (full.endsWith(path)) return full.slice(0, full.length - path.length)
  return path === '/' ? full : ''
}

/** Mounted without a path in an app that has one itself. */
const isPathless = (middleware: Mounted): boolean => middleware.mountpath === '/'

/** The mount path as far as the framework has told it before any request came. */
export function announcedPath(middleware: object): string | undefined {
  const { mountpath, parent, route } = middleware as Mounted
  const path = mountpath ?? route
  if (typeof path !== 'string') return undefined
  return (parent?.path?.() ?? '') + (path === '/' ? ownPath : path)
}
