// @ts-check
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

/** @typedef {import('jose').JWTPayload & { sub: string }} Claims */

const keysUnavailable = new Set([errors.JWKSTimeout.code, errors.JOSEError.code])

/**
 * Lets a request through when its access token is signed by the issuer, not expired, made for this
 * API (RFC 9068) and has the scope.
 *
 * @param {{ issuer: string, audience: string, scope: string }} expected
 * @returns {import('express').RequestHandler}
 */
export function bearer({ issuer, audience, scope }) {
  /** @type {ReturnType<typeof createRemoteJWKSet> | undefined} */
  let keys

  return async (req, res, next) => {
    const [scheme, token] = (req.get('authorization') ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'bearer' || !token) {
      res.set('WWW-Authenticate', 'Bearer realm="drive"').status(401)
      res.json({ error: 'missing_token' })
      return
    }
    keys ??= createRemoteJWKSet(await jwksUri(issuer))
    const claims = await verify(token, keys, { issuer, audience })
    if (!claims) {
      res.set('WWW-Authenticate', 'Bearer realm="drive", error="invalid_token"').status(401)
      res.json({ error: 'invalid_token' })
      return
    }
    if (!scopesOf(claims).includes(scope)) {
      const challenge = `Bearer realm="drive", error="insufficient_scope", scope="${scope}"`
      res.set('WWW-Authenticate', challenge).status(403)
      res.json({ error: 'insufficient_scope' })
      return
    }
    res.locals['claims'] = claims
    next()
  }
}

/**
 * The claims of a good token; nothing for a bad one. A key server that does not answer is neither.
 *
 * @param {string} token
 * @param {ReturnType<typeof createRemoteJWKSet>} keys
 * @param {{ issuer: string, audience: string }} expected
 */
async function verify(token, keys, expected) {
  try {
    const { payload } = await jwtVerify(token, keys, {
      ...expected,
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      requiredClaims: ['exp', 'sub'],
    })
    return /** @type {Claims} */ (payload)
  } catch (error) {
    if (error instanceof errors.JOSEError && !keysUnavailable.has(error.code)) return undefined
    throw error
  }
}

/** @param {string} issuer */
async function jwksUri(issuer) {
  const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (!answer.ok) throw new Error(`the discovery document of ${issuer} answered ${answer.status}`)
  const metadata = /** @type {{ jwks_uri: string }} */ (await answer.json())
  return new URL(metadata.jwks_uri)
}

/**
 * `scope` is a text (RFC 9068); some servers write `scp`, as a text or as a list.
 *
 * @param {import('jose').JWTPayload} claims
 */
function scopesOf({ scope = '', scp = scope }) {
  return Array.isArray(scp) ? scp : /** @type {string} */ (scp).split(' ')
}
