import type { IncomingMessage, ServerResponse } from 'node:http'
import { parse, serialize, type SerializeOptions } from 'cookie'
import { sign, unsign } from 'cookie-signature'

/** Browsers send more than this only when something is wrong or hostile. */
const maxHeaderLength = 64 * 1024

/** The request's cookies; an unreadable header counts as none. */
export function readCookies(req: IncomingMessage): Readonly<Record<string, string | undefined>> {
  const { cookie: header } = req.headers
  return header && header.length <= maxHeaderLength ? parse(header) : {}
}

/** Adds one Set-Cookie and leaves those of others alone. */
export function setCookie(
  res: ServerResponse,
  name: string,
  value: string,
  options: SerializeOptions,
): void {
  res.appendHeader('Set-Cookie', serialize(name, value, options))
}

/** The first secret signs. */
export function signValue(value: string, secrets: readonly string[]): string {
  const [current] = secrets
  if (!current) throw new RangeError('the ring of secrets is empty')
  return sign(value, current)
}

/** The signed value, or `undefined` when none of the secrets signed it. */
export function verifyValue(signed: string, secrets: readonly string[]): string | undefined {
  for (const secret of secrets) {
    const value = unsign(signed, secret)
    if (value !== false) return value
  }
  return undefined
}
