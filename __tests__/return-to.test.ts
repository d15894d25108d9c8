import { describe, expect, it } from '@jest/globals'
import { array, assert, constantFrom, oneof, property, string, webUrl } from 'fast-check'
import { parseReturnTo } from '../lib/return-to.ts'
import { deceptivePayloads, hostilePayloads, siteOrigin } from './support/return-to-corpus.ts'

const site = new URL(siteOrigin)
const own = new Set(['/login', '/callback', '/logout'])
const sites = ['https://app.example.com', 'http://127.0.0.1:3000', 'https://x.example:8443/editor/']

/** What a browser makes of a `Location`, for all that it strips and repairs on its way. */
function leadsTo(location: string, from: URL): string {
  return new URL(location, new URL('/callback?code=x', from)).origin
}

/** One slash, and then only what no browser, proxy or header reads in a second way. */
const plainPath = /^\/(?!\/)[!-[\]-~]*$/

function staysOn(base: URL, payload: unknown): boolean {
  const result = parseReturnTo(payload, base, own)
  if (result === undefined) return true
  return plainPath.test(result) && leadsTo(result, base) === base.origin
}

// prettier-ignore
const piecesOfUrls = [
  '/', '\\', '.', '..', '%2e', '%2f', '%5c', ':', '@', '#', '?', '[', ']', '\t', '\n', '\u0000',
  'https:', 'javascript:', 'evil.example', 'app.example.com', 'a', '\uff0f',
]

describe('the corpus', () => {
  it('has at least 500 different hostile payloads', () => {
    expect(new Set(hostilePayloads).size).toBe(hostilePayloads.length)
    expect(hostilePayloads.length).toBeGreaterThanOrEqual(500)
  })

  it('leads away in a browser, or nowhere, with most of its payloads', () => {
    const away = hostilePayloads.filter(
      (payload) => !URL.canParse(payload, site.href) || leadsTo(payload, site) !== site.origin,
    )
    expect(away.length).toBeGreaterThanOrEqual(500)
  })
})

describe('parseReturnTo', () => {
  it('refuses every hostile payload', () => {
    const accepted = hostilePayloads.filter(
      (payload) => parseReturnTo(payload, site, own) !== undefined,
    )
    expect(accepted).toEqual([])
  })

  it.each(sites)('never leads away from %s', (address) => {
    const base = new URL(address)
    const payloads = [...hostilePayloads, ...deceptivePayloads]
    expect(payloads.filter((payload) => !staysOn(base, payload))).toEqual([])
  })

  it('stays on the site with a payload that is encoded once more, or decoded', () => {
    const variants = [...hostilePayloads, ...deceptivePayloads].flatMap((payload) => {
      const encoded = encodeURIComponent(payload)
      return [encoded, `/${encoded}`, `/${payload}`, `${payload}/${payload}`, `/.${payload}`]
    })
    expect(variants.filter((payload) => !staysOn(site, payload))).toEqual([])
  })

  it('stays on the site whatever the text is', () => {
    const pieces = array(constantFrom(...piecesOfUrls), { maxLength: 12 })
    const texts = oneof(
      pieces.map((parts) => parts.join('')),
      pieces.map((parts) => `/${parts.join('')}`),
      string({ unit: 'binary' }),
      webUrl({ withFragments: true, withQueryParameters: true }),
    )
    const staysThere = property(texts, (text) => staysOn(site, text))
    expect(() => assert(staysThere, { numRuns: 5000 })).not.toThrow()
  })

  it.each([
    [undefined],
    [null],
    [5],
    [true],
    [['/photos']],
    [{ toString: () => '/photos' }],
    [Object('/photos')],
    [Symbol('/photos')],
  ])('refuses what is not a text (%#)', (value) => {
    expect(parseReturnTo(value, site, own)).toBeUndefined()
  })

  it.each([
    ['/', '/'],
    ['/photos', '/photos'],
    ['/photos/', '/photos/'],
    ['/photos?album=7&page=2', '/photos?album=7&page=2'],
    ['/photos#newest', '/photos#newest'],
    ['/photos?q=a%20b+c&q=%2F%2F#/view/3?x=y', '/photos?q=a%20b+c&q=%2F%2F#/view/3?x=y'],
    ['/a/./b/../c', '/a/c'],
    ['/%E2%82%AC', '/%E2%82%AC'],
    ['/€?€#€', '/%E2%82%AC?%E2%82%AC#%E2%82%AC'],
    ['https://app.example.com', '/'],
    ['https://app.example.com/photos?a=b#c', '/photos?a=b#c'],
    ['HTTPS://APP.EXAMPLE.COM:443/photos', '/photos'],
    [`/${'a'.repeat(2047)}`, `/${'a'.repeat(2047)}`],
  ])('keeps path, query and fragment of %j', (value, expected) => {
    expect(parseReturnTo(value, site, own)).toBe(expected)
  })

  it.each([
    '/login',
    '/login?return_to=/login',
    '/login#x',
    '/callback?code=a&state=b',
    '/logout',
    '/./logout',
    '/photos/../logout',
    '/photos/%2e%2e/logout',
    'https://app.example.com/logout',
    '//app.example.com/logout',
  ])('refuses the own route %s', (value) => {
    expect(parseReturnTo(value, site, own)).toBeUndefined()
  })

  it('refuses the own routes of a site below a path, and no others', () => {
    const below = new Set(['/editor/login'])
    const base = new URL('https://app.example.com/editor')
    expect(parseReturnTo('/editor/login', base, below)).toBeUndefined()
    expect(parseReturnTo('/login', base, below)).toBe('/login')
  })
})
