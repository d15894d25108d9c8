import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from '@jest/globals'
import { assert, property, string } from 'fast-check'
import { readCookies, setCookie, signValue, verifyValue } from '../lib/cookies.ts'

function requestWith(cookie?: string): IncomingMessage {
  const req = new IncomingMessage(new Socket())
  if (cookie !== undefined) req.headers.cookie = cookie
  return req
}

describe('readCookies', () => {
  it('reads names and decoded values', () => {
    const cookies = readCookies(requestWith('a=1; b=; c=%E2%82%AC; __Host-d=x.y=z'))
    expect({ ...cookies }).toEqual({ a: '1', b: '', c: '€', '__Host-d': 'x.y=z' })
  })

  it.each([
    [undefined, {}],
    ['', {}],
    [';;;', {}],
    ['=;a', {}],
    ['a=%E0%A4%A', { a: '%E0%A4%A' }],
    ['a=1; a=2', { a: '1' }],
  ])('makes the best of %j', (header, expected) => {
    expect({ ...readCookies(requestWith(header)) }).toMatchObject(expected)
  })

  it('has no names that nobody sent', () => {
    const cookies = readCookies(requestWith('a=1'))
    expect(cookies['constructor']).toBeUndefined()
    expect(cookies['__proto__']).toBeUndefined()
  })

  it('takes a header beyond all measure for none', () => {
    expect(readCookies(requestWith(`a=1; b=${'x'.repeat(65_536)}`))).toEqual({})
  })

  it('never throws, whatever the header is', () => {
    const readable = property(string({ unit: 'binary' }), (header) => {
      readCookies(requestWith(header))
    })
    expect(() => assert(readable, { numRuns: 2000 })).not.toThrow()
  })
})

describe('setCookie', () => {
  it('leaves the cookies of others alone', () => {
    const res = new ServerResponse(requestWith())
    res.setHeader('Set-Cookie', 'theirs=1')
    setCookie(res, 'ours', 'a b', { path: '/', httpOnly: true, secure: true, sameSite: 'lax' })
    setCookie(res, 'gone', '', { path: '/', maxAge: 0 })
    expect(res.getHeader('Set-Cookie')).toEqual([
      'theirs=1',
      'ours=a%20b; Path=/; HttpOnly; Secure; SameSite=Lax',
      'gone=; Max-Age=0; Path=/',
    ])
  })
})

describe('a signed value', () => {
  const [first, second] = ['the-first-signing-secret', 'the-second-signing-secret']

  it('comes back as it was', () => {
    for (const value of ['', 'digest.1700000000000', 'a.b.c', 'ü€']) {
      expect(verifyValue(signValue(value, [first]), [first])).toBe(value)
    }
  })

  it('is signed with the first secret and verified with all of them', () => {
    const old = signValue('value', [first])
    expect(verifyValue(old, [second, first])).toBe('value')
    expect(verifyValue(signValue('value', [second, first]), [second])).toBe('value')
    expect(verifyValue(old, [second])).toBeUndefined()
    expect(verifyValue(old, [])).toBeUndefined()
  })

  it('is refused when a single character of it was changed', () => {
    const signed = signValue('value', [first])
    const changed = signed.split('').map((character, index) => {
      const other = character === 'A' ? 'B' : 'A'
      return signed.slice(0, index) + other + signed.slice(index + 1)
    })
    expect(changed.filter((text) => verifyValue(text, [first]) !== undefined)).toEqual([])
  })

  it.each(['', '.', 'value', 'value.', '.value', '\0', '😀.😀'])('is not %j', (text) => {
    expect(verifyValue(text, [first])).toBeUndefined()
  })

  it('is refused without throwing, whatever it is', () => {
    const refused = property(
      string({ unit: 'binary' }),
      (text) => verifyValue(text, [first]) === undefined,
    )
    expect(() => assert(refused, { numRuns: 2000 })).not.toThrow()
  })

  it('cannot be made without a secret', () => {
    expect(() => signValue('value', [])).toThrow(RangeError)
  })
})
