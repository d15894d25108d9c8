import type { IncomingMessage, ServerResponse } from 'node:http'
import { readCookies, setCookie, signValue, verifyValue } from './cookies.ts'
import type { Config } from './options.ts'
import { deriveKey } from './seal.ts'

const windowSeconds = 60
/** Logins that came to an end within the window, after which one more is taken for a loop. */
const maxLogins = 4

/**
 * Counts the logins of one browser that ended in the last minute. A browser that comes back for yet
 * another one does not keep its session, and would go round for ever.
 */
export interface LoginLoop {
  isLooping(req: IncomingMessage): boolean
  count(req: IncomingMessage, res: ServerResponse): void
  /** Who signs out has been signed in, so the logins before were no loop. */
  reset(req: IncomingMessage, res: ServerResponse): void
  /** Marks that a lost login was begun again by itself; `false` when it was already. */
  mayRestart(req: IncomingMessage, res: ServerResponse): boolean
}

export function createLoginLoop({ baseUrl, secret }: Config): LoginLoop {
  const secure = baseUrl.protocol === 'https:'
  const prefix = secure ? '__Host-' : ''
  const keys = secret.map((one) => deriveKey(one, 'transaction-cookie').toString('base64url'))
  const counter = `${prefix}oauth-logins`
  const restarted = `${prefix}oauth-restarted`
  const attributes = { path: '/', httpOnly: true, secure, sameSite: 'lax' as const }

  const recent = (req: IncomingMessage): number[] => {
    const value = verifyValue(readCookies(req)[counter] ?? '', keys) ?? ''
    const since = Date.now() - windowSeconds * 1000
    return value
      .split('.')
      .map(Number)
      .filter((time) => time > since)
  }

  return {
    isLooping: (req) => recent(req).length >= maxLogins,
    count(req, res) {
      const times = [...recent(req), Date.now()].slice(-maxLogins)
      setCookie(res, counter, signValue(times.join('.'), keys), {
        ...attributes,
        maxAge: windowSeconds,
      })
    },
    reset(req, res) {
      if (readCookies(req)[counter] === undefined) return
      setCookie(res, counter, '', { ...attributes, maxAge: 0 })
    },
    mayRestart(req, res) {
      // Without any cookie the mark would not come back either.
      const cookies = readCookies(req)
      if (Object.keys(cookies).length === 0 || cookies[restarted] !== undefined) return false
      setCookie(res, restarted, '1', { ...attributes, maxAge: windowSeconds })
      return true
    },
  }
}
