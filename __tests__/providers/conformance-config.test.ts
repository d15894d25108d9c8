import { describe, expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { accepted, refused, startTrial, unsigned, type TrialOptions } from '../support/trial.ts'
import { createUserAgent } from '../support/user-agent.ts'

const closing = closeAfterEach()
const start = async (options?: TrialOptions) => closing(await startTrial(options))

const metadataPath = '/.well-known/openid-configuration'

describe('oidcc-client-config-certification-test-plan', () => {
  test('oidcc-client-test-discovery-openid-config: reads the metadata and nothing more', async () => {
    const { app, provider } = await start()
    await app.middleware.ready()
    expect(provider.front.requests.map(({ path }) => path)).toEqual([metadataPath])
  })

  test('oidcc-client-test-discovery-jwks-uri-keys: verifies with the keys that the metadata points to', async () => {
    const keysPath = `/jwks/${Math.random().toString(36).slice(2)}`
    const trial = await start({
      config: { userinfo: false },
      scenario: {
        discovery: (document) => ({
          ...document,
          jwks_uri: `${String(document['issuer'])}${keysPath}`,
        }),
      },
    })
    expect(await trial.logIn()).toEqual({ ...accepted, userinfoRequests: 0 })
    expect(trial.provider.front.requests.map(({ path }) => path)).toEqual([
      metadataPath,
      '/authorize',
      '/token',
      keysPath,
    ])
  })

  test('oidcc-client-test-discovery-issuer-mismatch: stops when the metadata name another issuer', async () => {
    const trial = await start({
      scenario: {
        discovery: (document) => ({
          ...document,
          issuer: `${String(document['issuer'])}/INVALID`,
        }),
      },
    })
    expect(await trial.logIn()).toEqual(refused(500, 'ERR_ISSUER_MISMATCH'))
    expect(trial.provider.front.requests.map(({ path }) => path)).toEqual([metadataPath])
  })

  test('oidcc-client-test-idtoken-sig-none: refuses an unsigned ID token even where the metadata list none', async () => {
    const trial = await start({
      scenario: {
        idToken: unsigned,
        discovery: (document) => ({
          ...document,
          id_token_signing_alg_values_supported: ['RS256', 'none'],
        }),
      },
    })
    expect(await trial.logIn()).toEqual(refused(502, 'ERR_ID_TOKEN_INVALID'))
  })

  test('oidcc-client-test-signing-key-rotation-just-before-signing: fetches keys after the token, not before', async () => {
    const trial = await start()
    await trial.app.middleware.ready()
    trial.provider.script({
      async idToken(draft) {
        const key = await trial.provider.rotateKeys()
        return { ...draft, header: { alg: key.alg, kid: key.kid }, key: key.privateKey }
      },
    })
    expect(await trial.logIn()).toEqual(accepted)
    expect(trial.provider.front.count('/jwks')).toBe(1)
  })

  test('oidcc-client-test-signing-key-rotation: fetches keys again when a login comes with a new one', async () => {
    const trial = await start()
    expect(await trial.logIn()).toEqual(accepted)
    await trial.provider.rotateKeys()
    const second = await createUserAgent().visit(`${trial.app.url}/photos`)
    expect(second.json()).toMatchObject({ owner: 'alice' })
    expect(trial.provider.front.count('/jwks')).toBe(2)
    expect(trial.provider.front.count('/userinfo')).toBe(2)
    expect(trial.provider.violations).toEqual([])
  })
})
