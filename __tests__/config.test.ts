import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { readConfig } from '../lib/config.ts'
import type { OAuthOptions } from '../lib/options.ts'
import { isOAuthError } from '../lib/errors.ts'
import { oauth } from '../lib/oauth.ts'
import { memoryStore } from '../lib/stores/memory.ts'

const minimal = {
  issuer: 'https://idp.example.com',
  clientId: 'photo-editor',
  clientSecret: 'the-secret-of-the-client',
  baseUrl: 'https://app.example.com',
  secret: 'the-sealing-secret-of-at-least-32-characters',
} as const
const endpoints = {
  authorizationEndpoint: 'https://idp.example.com/authorize',
  tokenEndpoint: 'https://idp.example.com/token',
  userinfoEndpoint: 'https://idp.example.com/userinfo',
}
const variables = [
  'OAUTH_ISSUER',
  'OAUTH_CLIENT_ID',
  'OAUTH_CLIENT_SECRET',
  'OAUTH_BASE_URL',
  'OAUTH_SECRET',
] as const

const before = new Map<string, string | undefined>()
beforeEach(() => {
  for (const name of variables) {
    before.set(name, process.env[name])
    delete process.env[name]
  }
})
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
})

/** Options as somebody without types writes them. */
const untyped = (options: Record<string, unknown>) => options as OAuthOptions
const withOptions = (options: Record<string, unknown>) =>
  readConfig(untyped({ ...minimal, ...options }))
const withServer = (server: unknown, more: Record<string, unknown> = {}) =>
  withOptions({ issuer: undefined, server, ...more })

function complaint(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isOAuthError(error) && error.code === 'ERR_CONFIG_INVALID') return error.message
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('the configuration', () => {
  it('needs five options and fills in every other default', () => {
    expect(readConfig(minimal)).toEqual({
      issuer: new URL('https://idp.example.com'),
      clientId: 'photo-editor',
      clientSecret: 'the-secret-of-the-client',
      baseUrl: new URL('https://app.example.com'),
      secret: ['the-sealing-secret-of-at-least-32-characters'],
      responseMode: 'query',
      authorizationParams: {},
      userinfo: 'auto',
      routes: { login: '/login', callback: '/callback', logout: '/logout' },
      loginParams: [],
      session: {},
      lifetime: { absolute: 604_800, idle: 86_400 },
      cache: { maxEntries: 1000, ttl: 10 },
      refresh: { softWindow: 60, lease: 15 },
      logout: { provider: true, revoke: true },
      clockTolerance: 30,
      timeout: 8,
      dangerouslyAllowInsecureIssuer: false,
    })
  })

  it('keeps the defaults of what an object leaves out', () => {
    const { routes, refresh, cache } = withOptions({
      routes: { login: '/sign-in' },
      refresh: { softWindow: 5 },
      cache: { ttl: 0 },
    })
    expect(routes).toEqual({ login: '/sign-in', callback: '/callback', logout: '/logout' })
    expect(refresh).toEqual({ softWindow: 5, lease: 15 })
    expect(cache).toEqual({ maxEntries: 1000, ttl: 0 })
  })

  it('is frozen, and leaves what the app handed over as it was', () => {
    const options = {
      ...minimal,
      secret: [minimal.secret],
      routes: { login: '/sign-in' },
      session: { name: 'sid' },
    }
    const config = readConfig(options)
    const parts = [config, config.routes, config.lifetime, config.cache, config.refresh]
    expect([...parts, config.logout, config.secret].map((part) => Object.isFrozen(part))).toEqual(
      Array.from({ length: 7 }, () => true),
    )
    expect([options, options.routes, options.secret].some((part) => Object.isFrozen(part))).toBe(
      false,
    )
    expect(() => Object.assign(config, { clientId: 'another' })).toThrow(/read only/)
  })

  it.each([
    ['a text', 'openid, photos  email', ['openid', 'photos', 'email']],
    ['a list', ['openid', 'photos'], ['openid', 'photos']],
  ])('takes the scope as %s', (_kind, scope, expected) => {
    expect(withOptions({ scope }).scope).toEqual(expected)
  })

  it('takes a ring of secrets, URL objects, and a function that returns the client secret', () => {
    const clientSecret = () => 'rotated'
    const ring = [minimal.secret, 'x'.repeat(32)]
    const config = withOptions({
      secret: ring,
      clientSecret,
      issuer: new URL('https://idp.example.com/realm'),
    })
    expect(config).toMatchObject({ secret: ring, clientSecret })
    expect(config.issuer?.href).toBe('https://idp.example.com/realm')
  })

  it('takes endpoints in place of an issuer', () => {
    expect(withServer(endpoints).server?.tokenEndpoint.href).toBe('https://idp.example.com/token')
  })
})

describe('a mistake in the configuration', () => {
  const url = "an absolute URL such as 'https://idp.example.com'"
  const cases: readonly [Record<string, unknown>, string, string, string][] = [
    [{ issuer: 'idp.example.com' }, 'issuer', url, "'idp.example.com'"],
    [{ issuer: 'ftp://idp.example.com' }, 'issuer', url, "'ftp://idp.example.com/'"],
    [{ clientId: '' }, 'clientId', 'the client identifier', "''"],
    [{ clientId: 7 }, 'clientId', 'the client identifier', '7'],
    [{ clientSecret: undefined }, 'clientSecret', 'the client secret, or a function', 'nothing'],
    [{ baseUrl: '/app' }, 'baseUrl', 'the public URL of this app', "'/app'"],
    [
      { baseUrl: 'https://app.example.com/?a=1' },
      'baseUrl',
      'a URL without query and fragment',
      "'https://app.example.com/?a=1'",
    ],
    [{ scope: 1 }, 'scope', "a text such as 'openid profile'", '1'],
    [{ scope: ['openid', 1] }, 'scope.1', "a text such as 'openid profile'", '1'],
    [
      { tokenEndpointAuthMethod: 'none' },
      'tokenEndpointAuthMethod',
      "'client_secret_basic' or 'client_secret_post'",
      "'none'",
    ],
    [
      { idTokenSignedResponseAlg: 'none' },
      'idTokenSignedResponseAlg',
      "a JWS algorithm such as 'RS256'",
      "'none'",
    ],
    [
      { userinfoSignedResponseAlg: 'none' },
      'userinfoSignedResponseAlg',
      "a JWS algorithm such as 'RS256'",
      "'none'",
    ],
    [{ responseMode: 'fragment' }, 'responseMode', "'query' or 'form_post'", "'fragment'"],
    [{ authorizationParams: 'a=b' }, 'authorizationParams', 'an object of texts', "'a=b'"],
    [{ authorizationParams: { a: 1 } }, 'authorizationParams.a', 'a text', '1'],
    [{ maxAge: '60' }, 'maxAge', 'a number of seconds', "'60'"],
    [{ maxAge: -1 }, 'maxAge', 'a number of seconds', '-1'],
    [{ maxAge: Number.NaN }, 'maxAge', 'a number of seconds', 'NaN'],
    [{ acrValues: 2 }, 'acrValues', 'a text such as', '2'],
    [{ prompt: '' }, 'prompt', "a text such as 'login'", "''"],
    [{ userinfo: 'yes' }, 'userinfo', "'auto', true or false", "'yes'"],
    [{ routes: 1 }, 'routes', "an object of paths such as { login: '/login' }", '1'],
    [{ routes: { login: 'login' } }, 'routes.login', "a path such as '/login'", "'login'"],
    [{ routes: { login: '/a b' } }, 'routes.login', "a path such as '/login'", "'/a b'"],
    [{ routes: { login: '//x' } }, 'routes.login', "a path such as '/login'", "'//x'"],
    [{ routes: { login: '/../x' } }, 'routes.login', "a path such as '/login'", "'/../x'"],
    [{ routes: { login: '/x?y' } }, 'routes.login', "a path such as '/login'", "'/x?y'"],
    [{ loginParams: 'prompt' }, 'loginParams', "a list of 'login_hint'", "'prompt'"],
    [{ loginParams: ['scope'] }, 'loginParams.0', "one of 'login_hint'", "'scope'"],
    [{ session: true }, 'session', 'options for express-session', 'a boolean'],
    [{ lifetime: 60 }, 'lifetime', 'an object such as', '60'],
    [{ lifetime: { idle: '1h' } }, 'lifetime.idle', 'a number of seconds', "'1h'"],
    [{ lifetime: { countsAsActivity: true } }, 'lifetime.countsAsActivity', 'a function', 'true'],
    [{ tokenStore: {} }, 'tokenStore', 'a token store such as memoryStore()', 'an object'],
    [{ tokenStore: memoryStore }, 'tokenStore', 'a token store such as', 'a function'],
    [{ cache: { ttl: null } }, 'cache.ttl', 'a number of seconds', 'null'],
    [{ refresh: true }, 'refresh', 'false, or an object such as', 'true'],
    [{ refresh: { lease: '15' } }, 'refresh.lease', 'a number of seconds', "'15'"],
    [{ logout: false }, 'logout', 'an object such as', 'false'],
    [{ logout: { revoke: 1 } }, 'logout.revoke', 'true or false', '1'],
    [
      { logout: { returnTo: 'javascript:alert(1)' } },
      'logout.returnTo',
      "a path such as '/goodbye'",
      "'javascript:alert(1)'",
    ],
    [
      { logout: { returnTo: '//other.example' } },
      'logout.returnTo',
      "a path such as '/goodbye'",
      "'//other.example'",
    ],
    [{ clockTolerance: '1' }, 'clockTolerance', 'a number of seconds', "'1'"],
    [{ timeout: 0 }, 'timeout', 'a number of seconds above 0', '0'],
    [{ timeout: 301 }, 'timeout', 'at most 300 seconds', '301'],
    [{ fetch: {} }, 'fetch', 'a function like the global fetch', 'an object'],
    [{ onLogin: 'x' }, 'onLogin', 'a function', "'x'"],
    [{ onLogout: 'x' }, 'onLogout', 'a function', "'x'"],
    [{ onError: 'x' }, 'onError', 'a function', "'x'"],
    [
      { dangerouslyAllowInsecureIssuer: 'true' },
      'dangerouslyAllowInsecureIssuer',
      'true or false',
      "'true'",
    ],
    [{ issuer: undefined, server: 5 }, 'server', 'an object such as', '5'],
    [
      { issuer: undefined, server: { ...endpoints, jwksUri: '/jwks' } },
      'server.jwksUri',
      'an absolute URL',
      "'/jwks'",
    ],
  ]

  it.each(cases)('in %j names the option, what to write and what was there', (...one) => {
    const [options, option, expectation, received] = one
    const message = complaint(() => withOptions(options))
    expect(message).toContain(`option '${option}'`)
    expect(message).toContain(`must be ${expectation}`)
    expect(message.endsWith(`; received ${received}`)).toBe(true)
  })

  it('lists everything that is missing at once, with the environment variables', () => {
    const message = complaint(() => readConfig({}))
    const lines = message.split('\n').slice(1)
    expect(lines).toHaveLength(5)
    for (const [index, variable] of variables.entries()) {
      expect(lines[index]).toContain(`(or the environment variable ${variable})`)
      expect(lines[index]).toContain('received nothing')
    }
  })

  it('is told for every endpoint that is missing of a server', () => {
    const message = complaint(() => withServer({}))
    expect(message).toContain("option 'server.authorizationEndpoint' must be an absolute URL")
    expect(message).toContain("option 'server.tokenEndpoint' must be an absolute URL")
  })

  it.each([
    [{ secret: 'hush-hush' }, 'a text of 9 characters'],
    [{ secret: [minimal.secret, 'hush-hush'] }, 'a text of 9 characters'],
    [{ secret: { key: 'hush-hush' } }, 'an object'],
    [{ secret: [] }, 'a list'],
    [{ clientSecret: { value: 'hush-hush' } }, 'an object'],
    [{ clientSecret: 429_429 }, 'a number'],
    [{ session: 'hush-hush' }, 'a text of 9 characters'],
    [{ issuer: 'https://me:hush-hush@idp.example.com' }, "'https://idp.example.com/'"],
    [{ issuer: 'ftp://me:hush-hush@idp.example.com' }, "'ftp://idp.example.com/'"],
    [{ issuer: 'http//me:hush-hush@idp.example.com' }, "'http//idp.example.com'"],
  ])('never repeats a secret (%#)', (options, received) => {
    const message = complaint(() => withOptions(options))
    expect(message).toContain(`received ${received}`)
    expect(message).not.toMatch(/hush|429/)
    for (const secret of [minimal.secret, minimal.clientSecret]) {
      expect(message).not.toContain(secret)
    }
  })

  it('is cut off where what was received is long', () => {
    const message = complaint(() => withOptions({ responseMode: 'x'.repeat(1000) }))
    expect(message.length).toBeLessThan(250)
  })

  it.each([
    [{ scpoe: 'openid' }, "unknown option 'scpoe': did you mean 'scope'?"],
    [{ client_id: 'x' }, "unknown option 'client_id': did you mean 'clientId'?"],
    [{ tokenendpointauthmethod: 'x' }, "did you mean 'tokenEndpointAuthMethod'?"],
    [{ routes: { logn: '/x' } }, "unknown option 'routes.logn': did you mean 'login'?"],
    [
      { refresh: { softwindow: 1 } },
      "unknown option 'refresh.softwindow': did you mean 'softWindow'?",
    ],
    [{ cache: { size: 1 } }, "unknown option 'cache.size': known here: maxEntries, ttl"],
    [{ lifetime: { x: 1 } }, 'known here: absolute, idle, countsAsActivity'],
    [{ logout: { x: 1 } }, 'known here: provider, revoke, returnTo'],
    [{ teapot: 1 }, "unknown option 'teapot': known here: issuer, server, clientId"],
    [{ constructor: 1 }, "unknown option 'constructor': known here: issuer"],
  ])('of an unknown option in %j leads to the right one', (options, expected) => {
    expect(complaint(() => withOptions(options))).toContain(expected)
  })

  it('of an unknown endpoint leads to the right one', () => {
    expect(complaint(() => withServer({ ...endpoints, tokenEndpont: 'x' }))).toContain(
      "unknown option 'server.tokenEndpont': did you mean 'tokenEndpoint'?",
    )
  })

  it.each([
    ['audience', 'authorizationParams: { audience'],
    ['authRequired', 'requireAuth()'],
    ['baseURL', 'baseUrl'],
    ['callbackURL', 'baseUrl and routes.callback'],
    ['clientAuthMethod', 'tokenEndpointAuthMethod'],
    ['clientID', 'clientId'],
    ['idpLogout', 'logout.provider'],
    ['issuerBaseURL', 'issuer'],
    ['redirectUri', 'baseUrl and routes.callback'],
    ['redirect_uri', 'baseUrl and routes.callback'],
  ])('of the kind %s is answered with the name that the option has here', (name, expected) => {
    expect(complaint(() => withOptions({ [name]: 'x' }))).toContain(`did you mean ${expected}`)
  })
})

describe('options that do not go together', () => {
  it.each([
    [{ issuer: 'http://idp.example.com' }, 'http://idp.example.com'],
    [{ issuer: 'http://127.0.0.1.example.com' }, 'http://127.0.0.1.example.com'],
  ])('are plain http beyond this machine: %j', (options, origin) => {
    const message = complaint(() => withOptions(options))
    expect(message).toContain(`'${origin}' must be reached by https`)
    expect(message).toContain('dangerouslyAllowInsecureIssuer: true')
  })

  it.each([
    'authorizationEndpoint',
    'tokenEndpoint',
    'userinfoEndpoint',
    'revocationEndpoint',
    'endSessionEndpoint',
    'jwksUri',
  ])('are an %s by plain http beyond this machine', (name) => {
    const server = { ...endpoints, [name]: 'http://idp.example.com/x' }
    expect(complaint(() => withServer(server))).toContain('must be reached by https')
    expect(() => withServer(server, { dangerouslyAllowInsecureIssuer: true })).not.toThrow()
  })

  it.each(['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000'])(
    'are not an issuer on loopback: %s',
    (issuer) => {
      expect(withOptions({ issuer }).issuer?.origin).toBe(issuer)
    },
  )

  it('are an issuer and endpoints', () => {
    expect(complaint(() => withOptions({ server: endpoints }))).toContain(
      "options 'issuer' and 'server' exclude one another",
    )
  })

  it('are a server without userinfo and nobody who says who signed in', () => {
    const { userinfoEndpoint: _none, ...silent } = endpoints
    expect(complaint(() => withServer(silent))).toContain("option 'server.userinfoEndpoint'")
    expect(() => withServer(silent, { onLogin: () => ({ sub: 'alice' }) })).not.toThrow()
    const openid = { issuer: 'https://idp.example.com', jwksUri: 'https://idp.example.com/jwks' }
    expect(() => withServer({ ...silent, ...openid })).not.toThrow()
  })

  it.each([
    ['scope', "the option 'scope'"],
    ['redirect_uri', "the options 'baseUrl' and 'routes.callback'"],
    ['max_age', "the option 'maxAge'"],
    ['state', 'it is always sent'],
    ['nonce', 'it is always sent'],
    ['code_challenge', 'it is always sent'],
    ['code_challenge_method', 'it is always S256'],
    ['client_id', "the option 'clientId'"],
    ['response_type', 'it is always code'],
    ['response_mode', "the option 'responseMode'"],
    ['acr_values', "the option 'acrValues'"],
  ])('are authorizationParams and %s, which has its own place', (name, instead) => {
    const message = complaint(() => withOptions({ authorizationParams: { [name]: 'x' } }))
    expect(message).toContain(`option 'authorizationParams' cannot set '${name}'`)
    expect(message).toContain(instead)
  })

  it('are not authorizationParams that no option answers for', () => {
    const authorizationParams = { audience: 'https://api.example.com', toString: 'x' }
    expect(withOptions({ authorizationParams })).toMatchObject({ authorizationParams })
  })

  it('are form_post and a site by plain http', () => {
    const message = complaint(() =>
      withOptions({ baseUrl: 'http://app.example.com', responseMode: 'form_post' }),
    )
    expect(message).toContain("option 'responseMode' must be 'query'")
  })

  it('are two routes at the same path', () => {
    expect(complaint(() => withOptions({ routes: { login: '/callback' } }))).toContain(
      "option 'routes' must give every route a path of its own",
    )
  })
})

describe('the environment', () => {
  it('gives what the options leave out', () => {
    process.env['OAUTH_ISSUER'] = minimal.issuer
    process.env['OAUTH_CLIENT_ID'] = 'from-the-environment'
    process.env['OAUTH_CLIENT_SECRET'] = minimal.clientSecret
    process.env['OAUTH_BASE_URL'] = minimal.baseUrl
    process.env['OAUTH_SECRET'] = minimal.secret
    expect(readConfig({})).toEqual({ ...readConfig(minimal), clientId: 'from-the-environment' })
  })

  it('never replaces an option', () => {
    process.env['OAUTH_CLIENT_ID'] = 'from-the-environment'
    expect(readConfig(minimal).clientId).toBe('photo-editor')
  })

  it('stands in for an option that is undefined, as an unset variable of the app makes it', () => {
    process.env['OAUTH_CLIENT_ID'] = 'from-the-environment'
    expect(withOptions({ clientId: undefined }).clientId).toBe('from-the-environment')
  })

  it('counts a variable that is empty as unset', () => {
    process.env['OAUTH_CLIENT_ID'] = ''
    expect(complaint(() => withOptions({ clientId: undefined }))).toContain('received nothing')
  })

  it('does not add an issuer to endpoints', () => {
    process.env['OAUTH_ISSUER'] = minimal.issuer
    expect(withServer(endpoints).issuer).toBeUndefined()
  })
})

describe('oauth()', () => {
  it('says what is wrong with app.use(oauth)', () => {
    const uncalled = oauth as unknown as (...args: unknown[]) => unknown
    const request = { url: '/', headers: {} }
    expect(complaint(() => uncalled(request, {}, () => {}))).toContain(
      'write app.use(oauth({ ... })), not app.use(oauth)',
    )
  })

  it.each([
    [null, 'null'],
    ['https://idp.example.com', 'string'],
    [5, 'number'],
  ])('refuses %j as options', (options, kind) => {
    expect(complaint(() => oauth(options as unknown as OAuthOptions))).toContain(`received ${kind}`)
  })

  it('tells the redirect URI, with the path of the site', () => {
    const { redirectUri } = oauth({ ...minimal, baseUrl: 'https://app.example.com/editor/' })
    expect(redirectUri).toBe('https://app.example.com/editor/callback')
  })
})
