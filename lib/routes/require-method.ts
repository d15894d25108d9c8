import type { IncomingMessage, ServerResponse } from 'node:http'
import { OAuthError } from '../errors.ts'
import { isPrefetch } from '../navigation.ts'

/** Refuses other methods, and browsers that only look ahead: their answer may be thrown away. */
export function requireMethod(
  req: IncomingMessage,
  res: ServerResponse,
  methods: readonly string[],
): void {
  if (!methods.includes(req.method ?? '')) {
    res.setHeader('Allow', methods.join(', '))
    throw new OAuthError('ERR_METHOD_NOT_ALLOWED')
  }
  if (isPrefetch(req)) throw new OAuthError('ERR_PREFETCH')
}
