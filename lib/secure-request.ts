import type { IncomingMessage } from 'node:http'

/**
 * Whether express-session takes a request for https. What it was told of proxies is known of our
 * own session only; of the app's it is what Express says, and without Express what the proxy says.
 */
export function isSecureRequest(
  req: IncomingMessage & { secure?: boolean },
  own: { readonly proxy?: boolean | undefined } | undefined,
): boolean {
  if ((req.socket as { encrypted?: boolean }).encrypted) return true
  const [proto = ''] = String(req.headers['x-forwarded-proto'] ?? '').split(',')
  const forwarded = proto.trim().toLowerCase() === 'https'
  if (!own) return req.secure ?? forwarded
  return own.proxy === true ? forwarded : own.proxy !== false && req.secure === true
}
