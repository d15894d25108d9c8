import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from '@jest/globals'
import { errorCodes, isOAuthError, OAuthError, publicMessage } from '../lib/errors.ts'

describe('every error', () => {
  it.each(errorCodes)('%s has a truthful status and a sentence for the visitor', (code) => {
    const error = new OAuthError(code)
    expect(error).toMatchObject({ name: 'OAuthError', code, message: publicMessage(code) })
    expect([400, 401, 403, 405, 500, 502, 503, 504]).toContain(error.status)
    expect(error.message).toMatch(/^[A-Z].*\.$/s)
    expect(error.message).not.toMatch(/ERR_|undefined|\bnull\b|token endpoint|client_id|invalid_/)
  })

  it('carries the facts, and keeps the detail out of its message', () => {
    const error = new OAuthError('ERR_PROVIDER_TIMEOUT', {
      detail: 'code: https://idp.example.com/token: no answer within 8 s',
      retryAfter: 5,
      oauthError: 'server_error',
      flow: 'f-1',
    })
    expect(error).toMatchObject({
      status: 504,
      detail: 'code: https://idp.example.com/token: no answer within 8 s',
      retryAfter: 5,
      oauthError: 'server_error',
      flow: 'f-1',
    })
    expect(error.message).not.toContain('idp.example.com')
    expect(error.stack).toContain('errors.test.ts')
  })

  it('has a cause only where one was given', () => {
    const cause = new Error('ECONNRESET')
    expect(new OAuthError('ERR_TOKEN_STORE_UNAVAILABLE', { cause }).cause).toBe(cause)
    expect('cause' in new OAuthError('ERR_TOKEN_STORE_UNAVAILABLE')).toBe(false)
  })

  it('prints its code and its detail where somebody logs it', () => {
    const printed = inspect(new OAuthError('ERR_STATE_UNKNOWN', { detail: 'no cookie at all' }))
    expect(printed).toContain('ERR_STATE_UNKNOWN')
    expect(printed).toContain('no cookie at all')
  })

  it('of the configuration tells the developer the whole story', () => {
    const detail = "oauth(): unknown option 'x'"
    expect(new OAuthError('ERR_CONFIG_INVALID', { detail }).message).toBe(detail)
    expect(new OAuthError('ERR_CONFIG_INVALID').message).toBe(publicMessage('ERR_CONFIG_INVALID'))
  })
})

describe('isOAuthError', () => {
  it('knows its own, and nothing else', () => {
    expect(isOAuthError(new OAuthError('ERR_FORBIDDEN'))).toBe(true)
    const others = [
      new Error('ERR_FORBIDDEN'),
      { code: 'ERR_FORBIDDEN' },
      null,
      undefined,
      'ERR',
      5,
    ]
    expect(others.map(isOAuthError)).toEqual(others.map(() => false))
  })

  it('knows those of another realm or another copy of the package', () => {
    const foreign: unknown = runInNewContext(
      `Object.assign(new Error('x'), { [Symbol.for('express-oauth-client.error')]: true })`,
    )
    expect(foreign instanceof Error).toBe(false)
    expect(isOAuthError(foreign)).toBe(true)
  })
})
