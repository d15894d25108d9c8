import type { IncomingMessage, ServerResponse } from 'node:http'
import { queryOf } from '../navigation.ts'
import { drawDiagram } from './diagram.ts'
import type { Flow } from './flow.ts'
import { flowPage, goneFlowPage } from './flow-page.ts'
import { listPage } from './list-page.ts'
import type { Live } from './live.ts'
import { liveScript } from './live-script.ts'
import { mermaidOf } from './mermaid.ts'
import { setHeaders } from './page.ts'
import { icon, pageStyle } from './page-style.ts'
import type { Recorder } from './recorder.ts'
import { reportOf } from './report.ts'

interface Parts {
  readonly recorder: Recorder
  readonly live: Live
}

const html = 'text/html; charset=utf-8'

const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
  '/style.css': ['text/css; charset=utf-8', pageStyle],
  '/live.js': ['text/javascript; charset=utf-8', liveScript],
  '/icon.svg': ['image/svg+xml', icon],
}

const downloads: Readonly<Record<string, readonly [type: string, write: (flow: Flow) => string]>> =
  {
    json: ['application/json; charset=utf-8', reportOf],
    mmd: ['text/plain; charset=utf-8', mermaidOf],
    svg: ['image/svg+xml', (flow) => drawDiagram(flow, { layout: 'wide', standalone: true })],
  }

/** Answers a request for `path` below the mount; `false` when there is nothing of ours. */
export function answer(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  parts: Parts,
): boolean {
  const serve = routeFor(req, res, path, parts)
  if (!serve) return false
  if (req.method === 'GET' || req.method === 'HEAD') serve()
  else refuseMethod(res)
  return true
}

function routeFor(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  parts: Parts,
): (() => void) | undefined {
  const { recorder } = parts
  const send = (type: string, content: string, status = 200) => {
    res.statusCode = status
    setHeaders(res, type)
    res.end(req.method === 'HEAD' ? undefined : content)
  }
  const file = files[path]
  if (file) return () => send(...file)
  if (path === '') return () => toSlash(req, res)
  if (path === '/') return () => send(html, listPage(recorder.flows()))
  if (path === '/live') return () => listen(req, res, parts)

  const [found, id = '', extension = ''] =
    /^\/flows\/([\w-]+)(?:\.(json|mmd|svg))?$/.exec(path) ?? []
  if (found === undefined) return undefined
  const flow = recorder.flow(id)
  if (!flow) return () => send(html, goneFlowPage(), 404)
  const download = downloads[extension]
  if (!download) return () => send(html, flowPage(flow, recorder.flows()))
  const [type, write] = download
  return () => {
    res.setHeader('Content-Disposition', `attachment; filename="${flow.kind}-${id}.${extension}"`)
    send(type, write(flow))
  }
}

/** Relative links need the slash; a relative address keeps whatever a proxy put before it. */
function toSlash(req: IncomingMessage & { originalUrl?: string }, res: ServerResponse): void {
  const [path = ''] = (req.originalUrl ?? req.url ?? '').split('?')
  res.statusCode = 302
  setHeaders(res, html)
  res.setHeader('Location', `${path.slice(path.lastIndexOf('/') + 1)}/`)
  res.end()
}

function listen(req: IncomingMessage, res: ServerResponse, { live }: Parts): void {
  setHeaders(res, 'text/event-stream; charset=utf-8')
  if (req.method === 'HEAD') return void res.end()
  if (live.open(res, queryOf(req).get('flow') ?? undefined)) return
  res.statusCode = 503
  res.end()
}

function refuseMethod(res: ServerResponse): void {
  res.statusCode = 405
  setHeaders(res, 'text/plain; charset=utf-8')
  res.setHeader('Allow', 'GET, HEAD')
  res.end('Method not allowed\n')
}
