import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'
import { createAdapterFactory } from './provider-adapter.ts'
import { createSignInDesk } from './sign-in-desk.ts'

export interface SecureProvider {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** Lets an app get its answers at this address. */
  readonly allow: (redirectUri: string) => void
  close(): Promise<void>
}

/** oidc-provider by https on 127.0.0.1, where people sign in on a page of its own. */
export async function startSecureProvider(tls: {
  readonly key: string
  readonly cert: string
}): Promise<SecureProvider> {
  let listener: RequestListener = (_req, res) => res.writeHead(503).end()
  const server = createServer(tls, (req, res) => listener(req, res))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  const clientId = 'photo-editor'
  const clientSecret = 'photo-editor-secret-of-40-characters-long'
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const provider = new Provider(issuer, {
    adapter: createAdapterFactory(),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a-key-for-the-cookies'] },
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [`${issuer}/unused`],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    features: { devInteractions: { enabled: false } },
  })
  const allowed = new Set<string>()
  provider.Client.prototype.redirectUriAllowed = (uri: string) => allowed.has(uri)
  listener = createSignInDesk(provider, 'page').listener

  return {
    issuer,
    clientId,
    clientSecret,
    allow: (redirectUri) => void allowed.add(redirectUri),
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
