import { describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { createSigningKey, type TokenDraft } from '../support/provider-keys.ts'
import type { Scenario } from '../support/scripted-provider.ts'
import { accepted, refused, startTrial, withClaims, type TrialOptions } from '../support/trial.ts'

const closing = closeAfterEach()
const start = async (options: TrialOptions = {}) =>
  closing(await startTrial({ endsWithUserinfo: true, ...options }))

const seconds = () => Math.floor(Date.now() / 1000)

const hs256 = (draft: TokenDraft): TokenDraft => ({
  ...draft,
  header: { alg: 'HS256' },
  key: new TextEncoder().encode('the secret: of/the+photo%editor & more'),
})

async function es256(draft: TokenDraft): Promise<TokenDraft> {
  const foreign = await createSigningKey('ES256')
  return { ...draft, header: { alg: 'ES256', kid: foreign.kid }, key: foreign.privateKey }
}

const audienceWithStranger = (draft: TokenDraft) =>
  withClaims({ aud: [draft.claims['aud'], 'somebody-else'] })(draft)

const refusedIdTokens: ReadonlyArray<[string, NonNullable<Scenario['idToken']>]> = [
  ['missing-aud: refuses an ID token without aud', withClaims({ aud: undefined })],
  ['invalid-sig-hs256: refuses an ID token that is signed with the client secret', hs256],
  ['invalid-sig-es256: refuses an ID token of a key that is not published', es256],
  ['invalid-missing-iss: refuses an ID token without iss', withClaims({ iss: undefined })],
  ['invalid-missing-exp: refuses an ID token without exp', withClaims({ exp: undefined })],
  [
    'invalid-expired-exp: refuses an ID token that is over',
    (draft) => withClaims({ exp: seconds() - 360 })(draft),
  ],
  ['invalid-missing-nonce: refuses an ID token without nonce', withClaims({ nonce: undefined })],
  ['invalid-secondary-aud: refuses an ID token for somebody else too', audienceWithStranger],
  ['refuses an ID token whose azp is another client', withClaims({ azp: 'somebody-else' })],
]

describe('ID tokens beyond the certification plans', () => {
  test.each(refusedIdTokens)('%s', async (_title, idToken) => {
    const trial = await start({ scenario: { idToken } })
    expect(await trial.logIn()).toEqual(refused(502, 'ERR_ID_TOKEN_INVALID'))
  })

  test('invalid-alternate-alg: refuses an algorithm that the metadata do not list', async () => {
    const trial = await start()
    await trial.provider.rotateKeys('PS256')
    expect(await trial.logIn()).toEqual(refused(502, 'ERR_ID_TOKEN_INVALID'))
  })

  test('refuses an algorithm other than the configured one', async () => {
    const trial = await start({ config: { idTokenSignedResponseAlg: 'ES256' } })
    expect(await trial.logIn()).toEqual(refused(502, 'ERR_ID_TOKEN_INVALID'))
  })

  test('valid-aud-as-array: takes a list with this client alone', async () => {
    const trial = await start({
      scenario: { idToken: (draft) => withClaims({ aud: [draft.claims['aud']] })(draft) },
    })
    expect(await trial.logIn()).toEqual(accepted)
  })

  test('refuses a token response without an ID token', async () => {
    const trial = await start({
      scenario: { tokens: ({ id_token: _idToken, ...body }) => body },
    })
    expect(await trial.logIn()).toEqual(refused(502, 'ERR_PROVIDER_RESPONSE_INVALID'))
  })
})

describe('token responses', () => {
  test.each(['bEARER', 'bearer', 'BEARER'])(
    'token-type-case-insensitivity: takes the token type %s',
    async (tokenType) => {
      const trial = await start({
        scenario: { tokens: (body) => ({ ...body, token_type: tokenType }) },
      })
      expect(await trial.logIn()).toEqual(accepted)
    },
  )

  test('token-endpoint-response-without-expires_in: takes it, and does not know the end', async () => {
    const trial = await start({ endsWithUserinfo: false })
    expect(await trial.logIn()).toEqual(accepted)
    const token = await trial.agent.fetch(`${trial.app.url}/token`)
    expect(token.json()).not.toHaveProperty('expiresAt')
  })
})

describe('authorization responses', () => {
  async function startWithIss(iss: ((issuer: string) => string) | undefined) {
    const trial = await start()
    const { issuer } = trial.provider
    trial.provider.script({
      discovery: (document) => ({
        ...document,
        authorization_response_iss_parameter_supported: true,
      }),
      authorization: (parameters) => ({ ...parameters, ...(iss && { iss: iss(issuer) }) }),
    })
    return trial
  }

  test('takes the right iss', async () => {
    const trial = await startWithIss((issuer) => issuer)
    expect(await trial.logIn()).toEqual(accepted)
  })

  test.each([
    ['invalid-authorization-response-iss: refuses another iss', (issuer: string) => `${issuer}1`],
    ['remove-authorization-response-iss: refuses an answer without the announced iss', undefined],
  ])('%s', async (_title, iss) => {
    const trial = await startWithIss(iss)
    expect(await trial.logIn()).toEqual(refused(400, 'ERR_CALLBACK_ISSUER'))
    expect(trial.provider.front.count('/token')).toBe(0)
  })

  test.each([
    [
      'ensure-authorization-response-with-invalid-state-fails: refuses another state',
      'ERR_STATE_UNKNOWN',
      (parameters) => ({ ...parameters, state: `${parameters['state']}1` }),
    ],
    [
      'ensure-authorization-response-with-invalid-missing-state-fails: refuses an answer without state',
      'ERR_CALLBACK_INVALID',
      ({ code = '' }) => ({ code }),
    ],
  ] satisfies ReadonlyArray<[string, string, NonNullable<Scenario['authorization']>]>)(
    '%s',
    async (_title, error, authorization) => {
      const trial = await start({ scenario: { authorization } })
      expect(await trial.logIn()).toEqual(refused(400, error))
      expect(trial.provider.front.count('/token')).toBe(0)
    },
  )
})

describe('userinfo', () => {
  test('userinfo-bearer-header: sends the access token as a header', async () => {
    const trial = await start()
    expect(await trial.logIn()).toEqual(accepted)
    const asked = trial.provider.front.requests.find(({ path }) => path === '/userinfo')
    expect(asked?.parameters).toEqual([])
  })

  test('userinfo-signed: takes a signed answer after verifying it', async () => {
    const trial = await start({
      config: { userinfo: true, userinfoSignedResponseAlg: 'RS256' },
      scenario: { signedUserinfo: (draft) => draft },
    })
    expect(await trial.logIn()).toEqual(accepted)
    const home = await trial.agent.fetch(`${trial.app.url}/`)
    expect(home.json()).toEqual({ name: 'Alice Archer', sub: 'alice' })
  })

  test.each([
    ['whose signature is broken', (draft: TokenDraft) => ({ ...draft, spoiled: true })],
    ['that is about somebody else', withClaims({ sub: 'bob' })],
    ['for another client', withClaims({ aud: 'somebody-else' })],
    ['of another issuer', withClaims({ iss: 'https://other.example' })],
  ])('refuses a signed answer %s', async (_title, signedUserinfo) => {
    const trial = await start({
      config: { userinfo: true, userinfoSignedResponseAlg: 'RS256' },
      scenario: { signedUserinfo },
    })
    expect(await trial.logIn()).toEqual(refused(502, 'ERR_USERINFO_INVALID', 1))
  })
})
