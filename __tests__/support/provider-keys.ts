import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK } from 'jose'

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

/** An ID token on its way to being signed, for scenarios to change. */
export interface TokenDraft {
  readonly header: { readonly alg: string; readonly kid?: string }
  readonly claims: Readonly<Record<string, unknown>>
  readonly key: CryptoKey | Uint8Array | 'none'
  /** The signature is changed after it was made. */
  readonly spoiled?: boolean
}

let made = 0

export async function createSigningKey(alg = 'RS256', kid?: string): Promise<SigningKey> {
  made += 1
  const name = kid ?? `key-${made}`
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const publicJwk = { ...(await exportJWK(publicKey)), alg, use: 'sig', kid: name }
  return { kid: name, alg, privateKey, publicJwk }
}

export async function signToken({ header, claims, key, spoiled }: TokenDraft): Promise<string> {
  if (key === 'none') return new UnsecuredJWT(claims).encode()
  const token = await new SignJWT(claims).setProtectedHeader({ typ: 'JWT', ...header }).sign(key)
  return spoiled ? spoilSignature(token) : token
}

function spoilSignature(token: string): string {
  const start = token.lastIndexOf('.') + 1
  const other = token[start] === 'A' ? 'B' : 'A'
  return token.slice(0, start) + other + token.slice(start + 1)
}
