import { describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { createSigningKey, type TokenDraft } from '../support/provider-keys.ts'
import {
  accepted,
  refused,
  startTrial,
  unsigned,
  withClaims,
  withoutKid,
  type TrialOptions,
} from '../support/trial.ts'

const addToClaim = (name: string) => (draft: TokenDraft) =>
  withClaims({ [name]: `${String(draft.claims[name])}1` })(draft)

const refusedIdTokens: ReadonlyArray<[string, (draft: TokenDraft) => TokenDraft]> = [
  ['oidcc-client-test-invalid-iss: refuses an ID token of another issuer', addToClaim('iss')],
  [
    'oidcc-client-test-missing-sub: refuses an ID token without sub',
    withClaims({ sub: undefined }),
  ],
  ['oidcc-client-test-invalid-aud: refuses an ID token for another client', addToClaim('aud')],
  [
    'oidcc-client-test-missing-iat: refuses an ID token without iat',
    withClaims({ iat: undefined }),
  ],
  ['oidcc-client-test-idtoken-sig-none: refuses an unsigned ID token', unsigned],
  [
    'oidcc-client-test-invalid-sig-rs256: refuses an ID token whose signature is broken',
    (draft) => ({ ...draft, spoiled: true }),
  ],
  ['oidcc-client-test-nonce-invalid: refuses an ID token with another nonce', addToClaim('nonce')],
]

const plans = [
  ['oidcc-client-basic-certification-test-plan', 'query'],
  ['oidcc-client-formpost-basic-certification-test-plan', 'form_post'],
] as const

describe.each(plans)('%s', (_plan, responseMode) => {
  const closing = closeAfterEach()
  const start = async (options: TrialOptions = {}) =>
    closing(await startTrial({ responseMode, endsWithUserinfo: true, ...options }))

  test('oidcc-client-test: signs in and asks userinfo once', async () => {
    const trial = await start()
    expect(await trial.logIn()).toEqual(accepted)
  })

  test.each(refusedIdTokens)('%s', async (_title, idToken) => {
    const trial = await start({ scenario: { idToken } })
    expect(await trial.logIn()).toEqual(refused(502, 'ERR_ID_TOKEN_INVALID'))
  })

  test('oidcc-client-test-kid-absent-single-jwks: finds the only key for a token without kid', async () => {
    const trial = await start({
      scenario: {
        idToken: withoutKid,
        jwks: (keys) => keys.map(({ kid: _kid, ...key }) => key),
      },
    })
    expect(await trial.logIn()).toEqual(accepted)
  })

  test('oidcc-client-test-kid-absent-multiple-jwks: tries all keys for a token without kid', async () => {
    const others = await Promise.all([createSigningKey(), createSigningKey()])
    const trial = await start({
      scenario: {
        idToken: withoutKid,
        jwks: (keys) => [...others.map(({ publicJwk }) => publicJwk), ...keys],
      },
    })
    expect(await trial.logIn()).toEqual(accepted)
  })

  test('oidcc-client-test-idtoken-sig-rs256: takes RS256 where the metadata lists nothing else', async () => {
    const trial = await start({
      scenario: {
        discovery: (document) => ({
          ...document,
          id_token_signing_alg_values_supported: ['RS256'],
        }),
      },
    })
    expect(await trial.logIn()).toEqual(accepted)
  })

  test('oidcc-client-test-userinfo-invalid-sub: refuses userinfo about somebody else', async () => {
    const trial = await start({
      scenario: { userinfo: (claims) => ({ ...claims, sub: `${String(claims['sub'])}1` }) },
    })
    expect(await trial.logIn()).toEqual(refused(502, 'ERR_USERINFO_INVALID', 1))
  })

  test('oidcc-client-test-scope-userinfo-claims: asks for claims by scope and has what userinfo says', async () => {
    const trial = await start({ config: { scope: 'openid profile', userinfo: true } })
    expect(await trial.logIn()).toEqual(accepted)
    expect(trial.provider.authorizations[0]?.get('scope')).toBe('openid profile')
    const home = await trial.agent.fetch(`${trial.app.url}/`)
    expect(home.json()).toEqual({ name: 'Alice Archer', sub: 'alice' })
  })

  test('oidcc-client-test-client-secret-basic: encodes the secret as a form does (RFC 6749, 2.3.1)', async () => {
    const clientSecret = 'colon: plus+ percent% amp& tilde~ ünïcödé §'
    const trial = await start({ clientSecret, authMethod: 'client_secret_basic' })
    expect(await trial.logIn()).toEqual(accepted)
  })
})
