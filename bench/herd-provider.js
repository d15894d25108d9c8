// @ts-check
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

/** Milliseconds that the token endpoint takes. */
const slowness = 200
/** Seconds. */
export const tokenLife = 600

/**
 * @typedef {object} Family All tokens of one sign-in.
 * @property {boolean} revoked
 */

const random = () => randomBytes(24).toString('base64url')

/** Signs everybody in at once, rotates refresh tokens, and ends a family whose token is used twice. */
export async function startProvider() {
  const clientId = 'herd'
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(publicKey)), alg: 'RS256', kid: 'herd', use: 'sig' }
  /** @type {Map<string, string>} */
  const nonces = new Map()
  /** @type {Map<string, { family: Family, used: boolean }>} */
  const refreshTokens = new Map()
  let refreshes = 0

  const server = createServer((req, res) => void serve(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const issuer = `http://127.0.0.1:${port}`
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  }

  /** @param {URL} url */
  function authorize({ searchParams }) {
    const code = random()
    nonces.set(code, searchParams.get('nonce') ?? '')
    const back = new URL(searchParams.get('redirect_uri') ?? '')
    back.searchParams.set('code', code)
    const state = searchParams.get('state')
    if (state) back.searchParams.set('state', state)
    return back.href
  }

  /**
   * @param {Family} family
   * @param {string | undefined} nonce
   */
  async function tokensFor(family, nonce) {
    const refreshToken = random()
    refreshTokens.set(refreshToken, { family, used: false })
    const idToken = new SignJWT({
      ...(nonce && { nonce }),
      name: 'Alice Archer',
      email: 'a@b.example',
    })
      .setProtectedHeader({ alg: 'RS256', kid: jwk.kid })
      .setIssuer(issuer)
      .setAudience(clientId)
      .setSubject('alice')
      .setIssuedAt()
      .setExpirationTime('30 days')
    return {
      access_token: random(),
      token_type: 'Bearer',
      expires_in: tokenLife,
      refresh_token: refreshToken,
      id_token: await idToken.sign(privateKey),
      scope: 'openid profile email',
    }
  }

  /** @param {URLSearchParams} form */
  async function grant(form) {
    const nonce = nonces.get(form.get('code') ?? '')
    if (nonce !== undefined) return tokensFor({ revoked: false }, nonce)
    const known = refreshTokens.get(form.get('refresh_token') ?? '')
    refreshes += 1
    if (known?.used) known.family.revoked = true
    if (!known || known.family.revoked) return undefined
    known.used = true
    return tokensFor(known.family, undefined)
  }

  /**
   * @param {import('node:http').IncomingMessage} req
   * @param {import('node:http').ServerResponse} res
   */
  async function serve(req, res) {
    const url = new URL(req.url ?? '/', issuer)
    if (url.pathname === '/authorize') {
      res.writeHead(303, { location: authorize(url) }).end()
      return
    }
    if (url.pathname !== '/token') {
      const body = url.pathname === '/jwks' ? { keys: [jwk] } : metadata
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      return
    }
    const form = new URLSearchParams(await text(req))
    const answer = await grant(form)
    await wait(slowness)
    res.writeHead(answer ? 200 : 400, { 'content-type': 'application/json' })
    res.end(JSON.stringify(answer ?? { error: 'invalid_grant' }))
  }

  return {
    issuer,
    clientId,
    clientSecret: 'the-secret-of-the-herd-that-is-measured',
    /** How many requests with a refresh token there were. */
    refreshes: () => refreshes,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
