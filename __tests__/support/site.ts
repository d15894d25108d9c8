import type { IncomingMessage, ServerResponse } from 'node:http'
import { requireAuth, type Auth } from '../../lib/index.ts'
import { createHold, type Hold } from './hold.ts'

export type Next = (error?: unknown) => void
export type Handler = (req: IncomingMessage, res: ServerResponse, next: Next) => void

export interface SiteRequest extends IncomingMessage {
  auth?: Auth
  session?: { cart?: string[]; [key: string]: unknown }
  originalUrl?: string
}

export interface Site {
  /** Path to what runs there, in order. */
  readonly pages: ReadonlyMap<string, readonly Handler[]>
  /** Makes `/slow` wait, after it has its session and its token and before it answers. */
  readonly holdSlow: () => Hold
}

type Page = (req: SiteRequest, res: ServerResponse) => unknown

async function answer(render: Page, req: SiteRequest, res: ServerResponse): Promise<void> {
  const content = JSON.stringify(await render(req, res))
  res.setHeader('content-type', 'application/json')
  res.end(content)
}

/** Answers with what the page returns; what it throws goes to `next`, as Express 5 does by itself. */
function page(render: Page): Handler {
  return (req, res, next) => {
    answer(render, req, res).catch((error: unknown) => next(error))
  }
}

function signedIn(req: SiteRequest): Auth {
  if (!req.auth) throw new Error(`${req.url} was reached without a login`)
  return req.auth
}

const paramOf = (req: SiteRequest, name: string): string | undefined =>
  new URL(req.originalUrl ?? req.url ?? '/', 'http://site').searchParams.get(name) ?? undefined

/** The same few pages for every kind of app. */
export function createSite(apiUrl: string): Site {
  let slow: Hold | undefined
  const guard: Handler = requireAuth()
  const tokenGuard: Handler = requireAuth({ accessToken: true })

  const pages = new Map<string, Handler[]>([
    [
      '/photos',
      [guard, page((req) => ({ owner: signedIn(req).user.sub, at: req.originalUrl ?? req.url }))],
    ],
    [
      '/token',
      [
        tokenGuard,
        page((req) => {
          const { accessToken, tokenType, expiresAt, scope, idToken, provider } = signedIn(req)
          return { accessToken, tokenType, expiresAt, scope, idToken, provider }
        }),
      ],
    ],
    [
      '/fresh',
      [
        guard,
        page(async (req) => ({ accessToken: await signedIn(req).getAccessToken({ force: true }) })),
      ],
    ],
    [
      '/albums',
      [
        guard,
        page(async (req) => {
          const album = await signedIn(req).fetch(`${apiUrl}/v1/albums`)
          return { status: album.status, album: album.ok ? await album.json() : null }
        }),
      ],
    ],
    [
      '/profile',
      [
        guard,
        page(async (req) => {
          const auth = signedIn(req)
          const profile = await auth.fetch(new URL('/userinfo', auth.provider))
          return { status: profile.status, profile: await profile.json() }
        }),
      ],
    ],
    [
      '/slow',
      [
        guard,
        page(async (req) => {
          const { sub } = signedIn(req).user
          await slow?.pass()
          const item = paramOf(req, 'item')
          if (item && req.session) (req.session.cart ??= []).push(item)
          const album = await signedIn(req).fetch(`${apiUrl}/v1/albums`)
          return { owner: sub, status: album.status }
        }),
      ],
    ],
    [
      '/cart',
      [
        page((req) => {
          if (!req.session) throw new Error('no session for the cart')
          const item = paramOf(req, 'item')
          if (item) (req.session.cart ??= []).push(item)
          return { cart: req.session.cart ?? [] }
        }),
      ],
    ],
    [
      '/',
      [page((req) => ({ name: req.auth?.user.name ?? null, sub: req.auth?.user.sub ?? null }))],
    ],
  ])

  return {
    pages,
    holdSlow() {
      slow = createHold()
      return slow
    },
  }
}
