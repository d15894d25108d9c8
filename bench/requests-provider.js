// @ts-check
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const random = () => randomBytes(32).toString('base64url')

/** A provider that approves everything at once; what it costs is not measured. */
export async function startProvider() {
  const clientId = 'bench'
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(publicKey)), alg: 'RS256', kid: 'bench', use: 'sig' }
  /** @type {Map<string, string>} */
  const nonces = new Map()

  const server = createServer((req, res) => void serve(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const issuer = `http://127.0.0.1:${port}`

  /** @param {URL} url */
  function authorize({ searchParams }) {
    const code = random()
    nonces.set(code, searchParams.get('nonce') ?? '')
    const back = new URL(searchParams.get('redirect_uri') ?? '')
    back.searchParams.set('code', code)
    back.searchParams.set('state', searchParams.get('state') ?? '')
    return back.href
  }

  /** @param {URLSearchParams} form */
  async function tokens(form) {
    const code = form.get('code') ?? ''
    const nonce = nonces.get(code)
    nonces.delete(code)
    const claims = { nonce, name: 'Alice Archer', email: 'alice@people.example', sid: random() }
    const idToken = new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: jwk.kid })
      .setIssuer(issuer)
      .setAudience(clientId)
      .setSubject('248289761001')
      .setIssuedAt()
      .setExpirationTime('1h')
    return {
      access_token: random(),
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: random(),
      id_token: await idToken.sign(privateKey),
      scope: 'openid profile email',
    }
  }

  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    scopes_supported: ['openid', 'profile', 'email'],
  }

  /**
   * @param {import('node:http').IncomingMessage} req
   * @param {import('node:http').ServerResponse} res
   */
  async function serve(req, res) {
    const url = new URL(req.url ?? '/', issuer)
    if (url.pathname === '/authorize') {
      return void res.writeHead(302, { location: authorize(url) }).end()
    }
    const body = await answerOf(url, req)
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

  /**
   * @param {URL} url
   * @param {import('node:http').IncomingMessage} req
   */
  async function answerOf({ pathname }, req) {
    if (pathname === '/token') return tokens(new URLSearchParams(await text(req)))
    return pathname === '/jwks' ? { keys: [jwk] } : metadata
  }

  return {
    issuer,
    clientId,
    clientSecret: 'a-secret-that-is-good-for-measuring-only',
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
