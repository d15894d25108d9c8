import { describe, expect, it } from '@jest/globals'
import {
  createTokenSet,
  grantShapes,
  isValidAt,
  mergeGrant,
  ownToken,
  scopeList,
  tokenKey,
  type Grant,
  type TokenSet,
} from '../../lib/tokens/token-set.ts'

const requestedAt = 1_700_000_000_000
const login = { scope: ['openid', 'photos'], subject: 'alice', expiresAt: requestedAt + 86_400_000 }

const grantWith = (changes: Partial<Grant> = {}): Grant => ({
  accessToken: 'access-1',
  tokenType: 'bearer',
  requestedAt,
  ...changes,
})

const full = grantWith({
  expiresIn: 3600,
  refreshToken: 'refresh-1',
  refreshExpiresIn: 7200,
  idToken: 'id-1',
  scope: ['openid', 'photos', 'albums'],
})

describe('the first version of a token set', () => {
  it('holds all that the answer to the code brought', () => {
    expect(createTokenSet(full, login)).toEqual({
      version: 1,
      accessTokens: {
        [ownToken]: {
          value: 'access-1',
          type: 'bearer',
          scope: ['openid', 'photos', 'albums'],
          obtainedAt: requestedAt,
          expiresAt: requestedAt + 3_600_000,
        },
      },
      refreshToken: 'refresh-1',
      refreshExpiresAt: requestedAt + 7_200_000,
      idToken: 'id-1',
      scope: ['openid', 'photos', 'albums'],
      subject: 'alice',
      expiresAt: login.expiresAt,
      seenAt: requestedAt,
    } satisfies TokenSet)
  })

  it('takes a scope that was not named for the one that was asked', () => {
    const set = createTokenSet(grantWith(), login)
    expect([set.scope, set.accessTokens[ownToken]?.scope]).toEqual([login.scope, login.scope])
  })

  it('has no expiry where the provider named none', () => {
    const set = createTokenSet(grantWith(), login)
    expect(Object.keys(set.accessTokens[ownToken] ?? {})).not.toContain('expiresAt')
    expect(Object.keys(set)).not.toContain('refreshToken')
  })
})

describe('a refreshed token set', () => {
  const before = createTokenSet(full, login)
  const later = requestedAt + 3_000_000

  it('keeps what the answer leaves out', () => {
    const next = mergeGrant(before, grantWith({ accessToken: 'access-2' }), {})
    expect(next).toEqual({
      ...before,
      version: 2,
      accessTokens: {
        [ownToken]: {
          value: 'access-2',
          type: 'bearer',
          scope: ['openid', 'photos', 'albums'],
          obtainedAt: requestedAt,
        },
      },
    })
  })

  it('takes what the answer brings', () => {
    const answer = grantWith({
      accessToken: 'access-2',
      expiresIn: 60,
      refreshToken: 'refresh-2',
      refreshExpiresIn: 120,
      idToken: 'id-2',
      scope: ['openid'],
      requestedAt: later,
    })
    expect(mergeGrant(before, answer, {})).toMatchObject({
      version: 2,
      accessTokens: {
        [ownToken]: { value: 'access-2', scope: ['openid'], expiresAt: later + 60_000 },
      },
      refreshToken: 'refresh-2',
      refreshExpiresAt: later + 120_000,
      idToken: 'id-2',
      subject: 'alice',
      expiresAt: login.expiresAt,
    })
  })

  it('does not let a new refresh token inherit the end of the last one', () => {
    const next = mergeGrant(before, grantWith({ refreshToken: 'refresh-2' }), {})
    expect(next.refreshExpiresAt).toBeUndefined()
    const same = mergeGrant(before, grantWith(), {})
    expect(same.refreshExpiresAt).toBe(before.refreshExpiresAt)
  })

  it('keeps the tokens of other resources beside the new one', () => {
    const request = { resource: 'https://api.example.com' }
    const key = tokenKey(request)
    const next = mergeGrant(before, grantWith({ accessToken: 'api-1' }), request)
    const after = mergeGrant(next, grantWith({ accessToken: 'access-3' }), {})
    expect(after.version).toBe(3)
    expect(after.accessTokens[key]?.value).toBe('api-1')
    expect(after.accessTokens[ownToken]?.value).toBe('access-3')
  })

  it.each([
    ['the scope that was asked for', undefined, ['photos']],
    ['the scope that the provider names', ['photos', 'albums'], ['photos', 'albums']],
  ])('has for a narrower token %s', (_title, scope, expected) => {
    const request = { scope: 'photos' }
    const grant = grantWith({ accessToken: 'narrow', ...(scope && { scope }) })
    const { accessTokens } = mergeGrant(before, grant, request)
    expect(accessTokens[tokenKey(request)]?.scope).toEqual(expected)
  })

  it('leaves the version before it as it was', () => {
    const copy = structuredClone(before)
    mergeGrant(before, grantWith({ accessToken: 'access-2', refreshToken: 'x' }), {})
    expect(before).toEqual(copy)
  })
})

describe('the name of an access token', () => {
  it.each([[{}], [{ scope: '' }], [{ scope: [] }], [{ resource: '' }]])(
    'is that of the login for %j',
    (request) => {
      expect(tokenKey(request)).toBe(ownToken)
    },
  )

  it('is the same for the same scope in any order and form', () => {
    const names = [{ scope: 'b a' }, { scope: ['a', 'b'] }, { scope: ' a  b ' }].map(tokenKey)
    expect(new Set(names).size).toBe(1)
  })

  it('is another one for another resource or scope, and cannot be made to collide', () => {
    const requests = [
      {},
      { resource: 'https://a.example' },
      { resource: 'https://b.example' },
      { scope: 'a' },
      { scope: 'a b' },
      { scope: ['a b'] },
      { resource: 'a', scope: 'b' },
      { resource: 'a b' },
      { resource: '["a","b"]' },
    ]
    expect(new Set(requests.map(tokenKey)).size).toBe(requests.length)
  })
})

describe('scopeList', () => {
  it.each([
    [undefined, []],
    ['', []],
    ['a', ['a']],
    [' a  b\tc ', ['a', 'b', 'c']],
    ['repo,gist', ['repo', 'gist']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  ])('of %j is %j', (scope, expected) => {
    expect(scopeList(scope)).toEqual(expected)
  })
})

describe('isValidAt', () => {
  const token = { value: 'x', type: 'bearer', scope: [], obtainedAt: 0 }

  it.each([
    [undefined, 0, false],
    [token, Number.MAX_SAFE_INTEGER, true],
    [{ ...token, expiresAt: 1000 }, 999, true],
    [{ ...token, expiresAt: 1000 }, 1000, false],
    [{ ...token, expiresAt: 1000 }, 1001, false],
  ])('of %j at %d is %j', (one, time, expected) => {
    expect(isValidAt(one, time)).toBe(expected)
  })
})

describe('grantShapes', () => {
  it('tells which members came, and no token', () => {
    const shapes = grantShapes({
      ...full,
      accessToken: 'hush-access-token',
      refreshToken: 'hush-refresh-token',
      idToken: 'hush-id-token',
    }).join('\n')
    for (const name of ['access_token', 'refresh_token', 'id_token', 'expires_in', 'scope']) {
      expect(shapes).toContain(name)
    }
    expect(shapes).not.toContain('hush')
  })
})
