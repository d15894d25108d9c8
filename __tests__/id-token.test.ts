import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from '@jest/globals'
import { exportSPKI, importJWK, SignJWT, type JWK } from 'jose'
import { readConfig } from '../lib/config.ts'
import { isOAuthError } from '../lib/errors.ts'
import { checkContinuity, claimsOf, createIdTokenVerifier } from '../lib/id-token.ts'
import { idTokenAlgorithms } from '../lib/provider-metadata.ts'
import { advanceClock, resetClock } from './support/clock.ts'
import { createSigningKey, signToken, type SigningKey } from './support/provider-keys.ts'

afterEach(resetClock)

const clientSecret = 'the-client-secret-of-at-least-32-characters'
const claims = { iss: 'https://idp.example.com', sub: 'alice', aud: 'photo-editor' }

/** Elliptic keys are made in no time. */
const createKey = (kid?: string) => createSigningKey('ES256', kid)

const tokenOf = ({ alg, kid, privateKey }: SigningKey, header?: { kid?: string }) =>
  signToken({ header: { alg, ...(header ?? { kid }) }, claims, key: privateKey })

/** The key set of a provider, and how often it was asked for. */
function createKeySet(initial: readonly SigningKey[]) {
  const set = {
    keys: initial,
    fetches: 0,
    answer: undefined as (() => Response) | undefined,
  }
  const fetch = async () => {
    set.fetches += 1
    if (set.answer) return set.answer()
    return Response.json({ keys: set.keys.map(({ publicJwk }) => publicJwk) })
  }
  return { set, fetch }
}

interface Setting {
  readonly algorithms?: readonly string[]
  readonly jwksUri?: string | undefined
}

function createVerifier(keys: readonly SigningKey[], setting: Setting = {}) {
  const { set, fetch } = createKeySet(keys)
  const verifier = createIdTokenVerifier({
    jwksUri: 'https://idp.example.com/jwks',
    algorithms: ['ES256'],
    ...setting,
    fetch,
    clientSecret: async () => clientSecret,
  })
  return { set, verify: verifier.verifySignature }
}

async function refusal(work: Promise<void>): Promise<string> {
  const error: unknown = await work.then(
    () => new Error('the signature was accepted'),
    (reason: unknown) => reason,
  )
  if (!isOAuthError(error)) throw error
  return `${error.code} ${error.detail}`
}

const settledCounts = (results: readonly PromiseSettledResult<void>[]) => ({
  accepted: results.filter(({ status }) => status === 'fulfilled').length,
  refused: results.filter(({ status }) => status === 'rejected').length,
})

describe('the signature of an ID token', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('of the kind %s is verified', async (alg) => {
    const key = await createSigningKey(alg)
    const { verify } = createVerifier([key], { algorithms: [alg] })
    await expect(verify(await tokenOf(key))).resolves.toBeUndefined()
  })

  it('is refused when it was changed, or made with another key of that name', async () => {
    const key = await createKey()
    const { verify } = createVerifier([key])
    const spoiled = signToken({
      header: { alg: 'ES256', kid: key.kid },
      claims,
      key: key.privateKey,
      spoiled: true,
    })
    expect(await refusal(verify(await spoiled))).toMatch(/^ERR_ID_TOKEN_INVALID/)
    const imposter = await createKey(key.kid)
    expect(await refusal(verify(await tokenOf(imposter)))).toMatch(/^ERR_ID_TOKEN_INVALID/)
  })

  it('is refused when claims were changed after it was made', async () => {
    const key = await createKey()
    const { verify } = createVerifier([key])
    const [header, , signature] = (await tokenOf(key)).split('.')
    const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'bob' })).toString('base64url')
    expect(await refusal(verify([header, changed, signature].join('.')))).toMatch(
      /^ERR_ID_TOKEN_INVALID/,
    )
  })

  it('may not be missing', async () => {
    const { set, verify } = createVerifier([await createKey()])
    const unsigned = await signToken({ header: { alg: 'none' }, claims, key: 'none' })
    expect(await refusal(verify(unsigned))).toContain('signed with none, expected ES256')
    expect(await refusal(verify(unsigned, ['none', 'ES256']))).toContain('signed with none')
    expect(set.fetches).toBe(0)
  })

  it('is refused of a kind that was not asked for, with what to set', async () => {
    const key = await createKey()
    const { set, verify } = createVerifier([key], { algorithms: ['RS256'] })
    expect(await refusal(verify(await tokenOf(key)))).toBe(
      'ERR_ID_TOKEN_INVALID id_token: signed with ES256, expected RS256; set idTokenSignedResponseAlg if the provider signs otherwise',
    )
    expect(set.fetches).toBe(0)
  })

  it.each(['', 'x', 'a.b.c', '..', 'eyJhbGciOiJSUzI1NiJ9', '{}.{}.{}', '😀.😀.😀'])(
    'is refused of %j, which is no token',
    async (text) => {
      const { verify } = createVerifier([await createKey()])
      expect(await refusal(verify(text))).toMatch(/^ERR_ID_TOKEN_INVALID/)
    },
  )

  it('is not even looked at in a token beyond all measure', async () => {
    const key = await createKey()
    const { set, verify } = createVerifier([key])
    const huge = await signToken({
      header: { alg: 'ES256', kid: key.kid },
      claims: { ...claims, padding: 'x'.repeat(65_536) },
      key: key.privateKey,
    })
    expect(await refusal(verify(huge))).toContain('longer than 64 KiB')
    expect(set.fetches).toBe(0)
  })

  it('cannot be verified without an address of the keys', async () => {
    const key = await createKey()
    const { verify } = createVerifier([key], { jwksUri: undefined })
    expect(await refusal(verify(await tokenOf(key)))).toContain('no jwks_uri')
  })
})

describe('a signature made with the client secret', () => {
  const sign = (secret: string | Uint8Array, alg = 'HS256') =>
    new SignJWT(claims)
      .setProtectedHeader({ alg })
      .sign(typeof secret === 'string' ? new TextEncoder().encode(secret) : secret)

  it('is verified where the app asked for it, without any keys', async () => {
    const { set, verify } = createVerifier([], { algorithms: ['HS256'] })
    await expect(verify(await sign(clientSecret))).resolves.toBeUndefined()
    expect(await refusal(verify(await sign(`another-${clientSecret}`)))).toMatch(
      /^ERR_ID_TOKEN_INVALID/,
    )
    expect(set.fetches).toBe(0)
  })

  it('is refused everywhere else', async () => {
    const { verify } = createVerifier([await createKey()])
    expect(await refusal(verify(await sign(clientSecret)))).toContain('signed with HS256')
  })

  it('is refused when it is made with the public key of the provider', async () => {
    const key = await createKey()
    const publicKey = await importJWK(key.publicJwk, 'ES256', { extractable: true })
    if (publicKey instanceof Uint8Array) throw new Error('expected a public key')
    const forged = await sign(await exportSPKI(publicKey))
    expect(await refusal(createVerifier([key]).verify(forged))).toContain('signed with HS256')
  })

  it.each([
    [undefined, undefined, ['RS256']],
    [undefined, ['RS256', 'HS256', 'none', 'ES256'], ['RS256', 'ES256']],
    [undefined, ['none', 'HS256'], ['RS256']],
    ['HS256', ['RS256'], ['HS256']],
    ['PS256', undefined, ['PS256']],
  ])('is allowed only when asked for (%#)', (asked, offered, expected) => {
    const config = readConfig({
      issuer: claims.iss,
      clientId: claims.aud,
      clientSecret,
      baseUrl: 'https://app.example.com',
      secret: 'the-sealing-secret-of-at-least-32-characters',
      ...(asked ? { idTokenSignedResponseAlg: asked } : {}),
    })
    const metadata = {
      issuer: claims.iss,
      ...(offered ? { id_token_signing_alg_values_supported: offered } : {}),
    }
    expect(idTokenAlgorithms(config, metadata)).toEqual(expected)
  })
})

describe("the provider's keys", () => {
  it('are fetched once for many logins at the same time', async () => {
    const key = await createKey()
    const { set, verify } = createVerifier([key])
    const token = await tokenOf(key)
    await Promise.all(Array.from({ length: 20 }, () => verify(token)))
    expect(set.fetches).toBe(1)
  })

  it('are fetched again at once after a rotation, once for all who need them', async () => {
    const [before, after] = [await createKey(), await createKey()]
    const { set, verify } = createVerifier([before])
    await verify(await tokenOf(before))
    set.keys = [after]
    const token = await tokenOf(after)
    await Promise.all(Array.from({ length: 50 }, () => verify(token)))
    expect(set.fetches).toBe(2)
  })

  it('are fetched again after a rotation that kept the name of the key', async () => {
    const before = await createKey('the-key')
    const after = await createKey('the-key')
    const { set, verify } = createVerifier([before])
    await verify(await tokenOf(before))
    set.keys = [after]
    await verify(await tokenOf(after))
    expect(set.fetches).toBe(2)
  })

  it('are fetched again after a rotation of keys without names', async () => {
    const withoutName = async () => {
      const key = await createKey()
      const { kid: _kid, ...publicJwk } = key.publicJwk
      return { ...key, publicJwk: publicJwk as JWK }
    }
    const before = await withoutName()
    const after = [await withoutName(), await withoutName()]
    const { set, verify } = createVerifier([before])
    await verify(await tokenOf(before, {}))
    set.keys = after
    for (const key of after) await verify(await tokenOf(key, {}))
    expect(set.fetches).toBe(2)
    expect(await refusal(verify(await tokenOf(before, {})))).toMatch(/^ERR_ID_TOKEN_INVALID/)
  })

  it('are all tried for a token that names none of them', async () => {
    const keys = [await createKey(), await createKey(), await createKey()]
    const { set, verify } = createVerifier(keys)
    for (const key of keys) await verify(await tokenOf(key, {}))
    expect(set.fetches).toBe(1)
  })

  it('are not fetched without end for names that somebody makes up', async () => {
    const key = await createKey()
    const { set, verify } = createVerifier([key])
    const madeUp = await Promise.all(
      Array.from({ length: 60 }, (_, index) => tokenOf(key, { kid: `made-up-${index}` })),
    )
    for (const token of madeUp) expect(await refusal(verify(token))).toContain('does not publish')
    expect(set.fetches).toBe(6)

    const next = await createKey()
    set.keys = [key, next]
    expect(await refusal(verify(await tokenOf(next)))).toContain('does not publish')
    advanceClock(30_000)
    await verify(await tokenOf(next))
    expect(set.fetches).toBe(7)
  })

  it('that somebody makes up at the same time cost a handful of fetches as well', async () => {
    const key = await createKey()
    const { set, verify } = createVerifier([key])
    await verify(await tokenOf(key))
    const madeUp = await Promise.all(
      Array.from({ length: 60 }, (_, index) => tokenOf(key, { kid: `made-up-${index}` })),
    )
    const results = await Promise.allSettled(madeUp.map((token) => verify(token)))
    expect(settledCounts(results)).toEqual({ accepted: 0, refused: 60 })
    expect(set.fetches).toBeLessThanOrEqual(6)
  })

  it('are kept while the provider cannot give newer ones', async () => {
    const key = await createKey()
    const { set, verify } = createVerifier([key])
    await verify(await tokenOf(key))
    set.answer = () => new Response('busy', { status: 503 })
    advanceClock(24 * 3_600_000)
    await verify(await tokenOf(key))
    await verify(await tokenOf(key))
    expect(set.fetches).toBe(2)
  })

  it.each([
    ['503', () => new Response('busy', { status: 503 }), 'ERR_PROVIDER_FAILED'],
    ['404', () => new Response('', { status: 404 }), 'ERR_PROVIDER_FAILED'],
    ['a page', () => new Response('<h1>Hi</h1>'), 'ERR_PROVIDER_RESPONSE_INVALID'],
    ['no list', () => Response.json({ keys: 'none' }), 'ERR_PROVIDER_RESPONSE_INVALID'],
    ['null', () => Response.json(null), 'ERR_PROVIDER_RESPONSE_INVALID'],
  ])('that come as %s are the failure of the provider, not of the token', async (...one) => {
    const [, answer, code] = one
    const key = await createKey()
    const { set, verify } = createVerifier([key])
    set.answer = answer
    expect(await refusal(verify(await tokenOf(key)))).toMatch(new RegExp(`^${code} keys: `))
    set.answer = undefined
    await verify(await tokenOf(key))
    expect(set.fetches).toBe(2)
  })

  it('that cannot be fetched after a rotation are the failure of the provider too', async () => {
    const [before, after] = [await createKey(), await createKey()]
    const { set, verify } = createVerifier([before])
    await verify(await tokenOf(before))
    set.answer = () => new Response('busy', { status: 503 })
    expect(await refusal(verify(await tokenOf(after)))).toMatch(/^ERR_PROVIDER_FAILED/)
    await verify(await tokenOf(before))
  })

  it('do no harm when one of them is of a kind that nobody knows', async () => {
    const key = await createKey()
    const strange = { ...key, publicJwk: { kty: 'XYZ', kid: 'strange', alg: 'ES256' } as JWK }
    const { verify } = createVerifier([strange, key])
    const tokens = [await tokenOf(key), await tokenOf(key, {})]
    const results = await Promise.allSettled(tokens.map((token) => verify(token)))
    expect(settledCounts(results)).toEqual({ accepted: 2, refused: 0 })
  })
})

describe('a refreshed ID token', () => {
  const expected = { issuer: claims.iss, clientId: claims.aud, subject: claims.sub }
  const tokenWith = async (changes: Record<string, unknown>) =>
    signToken({
      header: { alg: 'ES256' },
      claims: { ...claims, ...changes },
      key: (await createKey()).privateKey,
    })

  it.each([[{}], [{ aud: ['photo-editor', 'another'] }], [{ nonce: 'x' }]])(
    'continues the login with %j',
    async (changes) => {
      const token = await tokenWith(changes)
      expect(() => checkContinuity(token, expected)).not.toThrow()
    },
  )

  it.each([
    [{ iss: 'https://evil.example' }, 'another issuer'],
    [{ iss: undefined }, 'another issuer'],
    [{ sub: 'bob' }, 'another person'],
    [{ sub: undefined }, 'another person'],
    [{ aud: 'another' }, 'another client'],
    [{ aud: ['another'] }, 'another client'],
    [{ aud: undefined }, 'another client'],
  ])('with %j is refused', async (changes, reason) => {
    const token = await tokenWith(changes)
    expect(() => checkContinuity(token, expected)).toThrow(
      expect.objectContaining({
        code: 'ERR_ID_TOKEN_INVALID',
        detail: expect.stringContaining(reason),
      }),
    )
  })

  it.each(['', 'x', 'a.b.c', `${createHash('sha256').digest('hex')}.x.y`])(
    'cannot be %j',
    (text) => {
      expect(() => claimsOf(text)).toThrow(
        expect.objectContaining({ code: 'ERR_ID_TOKEN_INVALID' }),
      )
    },
  )
})
