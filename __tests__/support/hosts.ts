import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import connect from 'connect'
import express from 'express'
import express4 from 'express4'
import type { Handler, Next, Site } from './site.ts'

export type ErrorStep = (
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: Next,
) => void

/** What an app consists of, whatever runs it. */
export interface Parts {
  readonly before: readonly Handler[]
  readonly site: Site
  readonly onError: readonly ErrorStep[]
}

export const hostKinds = ['express5', 'express4', 'connect', 'http'] as const
export type HostKind = (typeof hostKinds)[number]

function expressApp(create: typeof express, { before, site, onError }: Parts): RequestListener {
  const app = create()
  for (const step of before) app.use(step)
  for (const [path, steps] of site.pages) app.all(path, ...([...steps] as express.RequestHandler[]))
  for (const step of onError) app.use(step as express.ErrorRequestHandler)
  return app
}

function connectApp({ before, site, onError }: Parts): RequestListener {
  const app = connect()
  for (const step of before) app.use(step as connect.NextHandleFunction)
  for (const [path, steps] of site.pages) {
    for (const step of steps) app.use(path, step as connect.NextHandleFunction)
  }
  for (const step of onError) app.use(step as connect.ErrorHandleFunction)
  return app
}

function plainApp({ before, site, onError }: Parts): RequestListener {
  return (req, res) => {
    const { pathname } = new URL(req.url ?? '/', 'http://site')
    const steps = [...before, ...(site.pages.get(pathname) ?? [notFound])]
    run(steps, req, res, (error) => runErrors(onError, error, req, res))
  }
}

const notFound: Handler = (_req, res) => {
  res.statusCode = 404
  res.end('Not found')
}

function run(
  steps: readonly Handler[],
  req: IncomingMessage,
  res: ServerResponse,
  fail: (error: unknown) => void,
): void {
  const [step, ...rest] = steps
  step?.(req, res, (error) => (error ? fail(error) : run(rest, req, res, fail)))
}

function runErrors(
  steps: readonly ErrorStep[],
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const [step, ...rest] = steps
  step?.(error, req, res, (next) => runErrors(rest, next ?? error, req, res))
}

/** With a `mountPath` everything is one level down, in an app that is mounted in another. */
export function createHost(kind: HostKind, parts: Parts, mountPath: string): RequestListener {
  if (kind === 'http') return plainApp(parts)
  if (kind === 'connect') return mounted(connect(), connectApp(parts), mountPath)
  const create = kind === 'express5' ? express : express4
  return mounted(create(), expressApp(create, parts), mountPath)
}

interface Mountable extends RequestListener {
  use(path: string, inner: RequestListener): unknown
}

function mounted(outer: Mountable, inner: RequestListener, mountPath: string): RequestListener {
  if (mountPath === '') return inner
  outer.use(mountPath, inner)
  return outer
}
