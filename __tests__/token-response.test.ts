import { describe, expect, it } from '@jest/globals'
import { normaliseTokenResponse, refreshedIdToken } from '../lib/token-response.ts'

const code = { grantType: 'authorization_code', plain: false }
const refresh = { grantType: 'refresh_token', plain: false }
const plain = { grantType: 'authorization_code', plain: true }

type Reading = Parameters<typeof normaliseTokenResponse>[1]

interface Sent {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

const json = (members: unknown, { status = 200, headers }: Sent = {}) =>
  new Response(JSON.stringify(members), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })

async function membersOf(response: Response, reading: Reading): Promise<unknown> {
  const answer = await normaliseTokenResponse(response, reading)
  expect(answer.headers.get('content-type')).toBe('application/json')
  return answer.json()
}

const tokens = { access_token: 'at', token_type: 'Bearer', expires_in: 60, scope: 'openid' }

describe('the answer of a token endpoint', () => {
  it('stays as it is when it follows the standard', async () => {
    expect(await membersOf(json({ ...tokens, id_token: 'x' }), code)).toEqual({
      ...tokens,
      id_token: 'x',
    })
  })

  it('of a plain server keeps no ID token, because nothing says whom it should be from', async () => {
    expect(await membersOf(json({ ...tokens, id_token: 'x' }), plain)).toEqual(tokens)
  })

  it('may be form-encoded', async () => {
    const response = new Response('access_token=at&token_type=bearer&scope=repo%2Cgist', {
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    })
    expect(await membersOf(response, code)).toEqual({
      access_token: 'at',
      token_type: 'bearer',
      scope: 'repo,gist',
    })
  })

  it('may be JSON that calls itself something else', async () => {
    const headers = { 'content-type': 'text/html' }
    expect(await membersOf(json(tokens, { headers }), code)).toEqual(tokens)
  })

  it('loses members that are null or empty', async () => {
    const padded = { ...tokens, refresh_token: null, id_token: '', error: '', expires_in: 0 }
    expect(await membersOf(json(padded), code)).toEqual({ ...tokens, expires_in: 0 })
  })

  it('gets a token type where a plain server leaves it out, and nowhere else', async () => {
    expect(await membersOf(json({ access_token: 'at' }), plain)).toEqual({
      access_token: 'at',
      token_type: 'bearer',
    })
    expect(await membersOf(json({ access_token: 'at', token_type: 'MAC' }), plain)).toEqual({
      access_token: 'at',
      token_type: 'MAC',
    })
    expect(await membersOf(json({ access_token: 'at' }), code)).toEqual({ access_token: 'at' })
  })

  it('to a refresh has its ID token put aside, to be checked after the tokens are stored', async () => {
    expect(await membersOf(json({ ...tokens, id_token: 'x' }), refresh)).toEqual({
      ...tokens,
      [refreshedIdToken]: 'x',
    })
  })

  it.each(['not JSON', '', '[]', 'null', '"text"', '5', '{"access_token":'])(
    'is handed on untouched when it is %j',
    async (body) => {
      const response = new Response(body, { status: 418, headers: { 'content-type': 'text/x' } })
      const answer = await normaliseTokenResponse(response, code)
      expect(answer).toBe(response)
      expect(await answer.text()).toBe(body)
    },
  )
})

describe('an error of a token endpoint', () => {
  it.each([
    [200, 400],
    [400, 400],
    [401, 401],
    [429, 429],
    [503, 503],
  ])('with status %d has the status %d', async (status, expected) => {
    const answer = await normaliseTokenResponse(json({ error: 'invalid_grant' }, { status }), code)
    expect(answer.status).toBe(expected)
    expect(await answer.json()).toEqual({ error: 'invalid_grant' })
  })

  it('is not hidden behind a challenge', async () => {
    const headers = { 'www-authenticate': 'Basic realm="x"', 'retry-after': '7' }
    const answer = await normaliseTokenResponse(
      json({ error: 'invalid_client' }, { status: 401, headers }),
      code,
    )
    expect(answer.headers.get('www-authenticate')).toBeNull()
    expect(answer.headers.get('retry-after')).toBe('7')
  })

  it('that is no text is none', async () => {
    const headers = { 'www-authenticate': 'Basic' }
    const answer = await normaliseTokenResponse(json({ error: { code: 5 } }, { headers }), plain)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('www-authenticate')).toBe('Basic')
  })

  it('gets neither a token type nor an ID token put aside', async () => {
    const body = { error: 'invalid_grant', id_token: 'x' }
    expect(await membersOf(json(body), { grantType: 'refresh_token', plain: true })).toEqual(body)
  })
})
