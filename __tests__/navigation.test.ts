import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from '@jest/globals'
import {
  isNavigation,
  isPrefetch,
  isSameOrigin,
  isSameOriginUserAction,
  pathOf,
  queryOf,
} from '../lib/navigation.ts'

type Headers = Readonly<Record<string, string>>

const requestWith = (headers: Headers, url?: string) => ({ headers, url }) as IncomingMessage

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const click = {
  ...html,
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-user': '?1',
}

describe('isNavigation', () => {
  it.each<[string, Headers]>([
    ['a click on a link', click],
    ['a typed address', { ...click, 'sec-fetch-site': 'none' }],
    ['a link on another site', { ...click, 'sec-fetch-site': 'cross-site' }],
    ['a script that sets location', { ...html, 'sec-fetch-mode': 'navigate' }],
    ['a frame', { ...click, 'sec-fetch-dest': 'iframe' }],
    ['an old frame', { ...click, 'sec-fetch-dest': 'frame' }],
    ['a navigation that a service worker hands on', { ...click, 'sec-fetch-dest': 'empty' }],
    ['a navigation in an app on Android', { ...click, 'x-requested-with': 'org.example.app' }],
    ['the same without fetch metadata', { ...html, 'x-requested-with': 'org.example.app' }],
    ['a browser without fetch metadata', html],
  ])('is true of %s', (_title, headers) => {
    expect(isNavigation(requestWith(headers))).toBe(true)
  })

  it.each<[string, Headers]>([
    ['fetch()', { accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['fetch() of HTML', { ...html, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['fetch() of the same origin', { ...html, 'sec-fetch-mode': 'same-origin' }],
    ['an image', { accept: 'image/*', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['a script', { accept: '*/*', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }],
    ['a WebSocket', { 'sec-fetch-mode': 'websocket', 'sec-fetch-dest': 'websocket' }],
    ['XMLHttpRequest without fetch metadata', { ...html, 'x-requested-with': 'XMLHttpRequest' }],
    ['the same in another spelling', { ...html, 'x-requested-with': 'xmlhttprequest' }],
    ['htmx', { ...html, 'hx-request': 'true' }],
    ['htmx with fetch metadata', { ...html, 'hx-request': 'true', 'sec-fetch-mode': 'cors' }],
    ['a program that takes anything', { accept: '*/*' }],
    ['a program that takes JSON', { accept: 'application/json' }],
    ['a program that says nothing', {}],
    ['a prefetch', { ...click, 'sec-purpose': 'prefetch' }],
    ['a prerender', { ...click, 'sec-purpose': 'prefetch;prerender' }],
    ['an older prefetch', { ...html, purpose: 'prefetch' }],
  ])('is false of %s', (_title, headers) => {
    expect(isNavigation(requestWith(headers))).toBe(false)
  })
})

describe('isPrefetch', () => {
  it.each<[Headers]>([
    [{ 'sec-purpose': 'prefetch' }],
    [{ 'sec-purpose': 'prefetch;prerender' }],
    [{ 'sec-purpose': 'prefetch;anonymous-client-ip' }],
    [{ purpose: 'prefetch' }],
    [{ purpose: 'Prefetch' }],
    [{ 'x-purpose': 'preview' }],
    [{ 'x-moz': 'prefetch' }],
  ])('is true of %j', (headers) => {
    expect(isPrefetch(requestWith(headers))).toBe(true)
  })

  it.each<[Headers]>([[{}], [click], [{ purpose: 'sale' }], [{ 'sec-purpose': '' }]])(
    'is false of %j',
    (headers) => {
      expect(isPrefetch(requestWith(headers))).toBe(false)
    },
  )
})

describe('isSameOrigin', () => {
  const origin = 'https://app.example.com'

  it.each<[Headers, boolean]>([
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'cross-site' }, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ 'sec-fetch-site': 'cross-site', origin }, false],
    [{ origin }, true],
    [{ origin: 'https://app.example.com:8443' }, false],
    [{ origin: 'http://app.example.com' }, false],
    [{ origin: 'https://app.example.com.evil.example' }, false],
    [{ origin: 'null' }, false],
    [{}, false],
  ])('of a request with %j is %j', (headers, expected) => {
    expect(isSameOrigin(requestWith(headers), origin)).toBe(expected)
  })
})

describe('isSameOriginUserAction', () => {
  it('is true of a click on our own page', () => {
    expect(isSameOriginUserAction(requestWith(click))).toBe(true)
  })

  it.each<[string, Headers]>([
    ['a click on another site', { ...click, 'sec-fetch-site': 'cross-site' }],
    ['a click on a sister site', { ...click, 'sec-fetch-site': 'same-site' }],
    ['a typed address', { ...click, 'sec-fetch-site': 'none' }],
    ['a script', { ...click, 'sec-fetch-user': '' }],
    ['an image of our own page', { ...click, 'sec-fetch-mode': 'no-cors' }],
    ['a prerendered link', { ...click, 'sec-purpose': 'prefetch;prerender' }],
    ['a browser without fetch metadata', html],
  ])('is false of %s', (_title, headers) => {
    expect(isSameOriginUserAction(requestWith(headers))).toBe(false)
  })
})

describe('the address of a request', () => {
  it.each([
    ['/photos', '/photos', []],
    ['/photos?', '/photos', []],
    ['/photos?a=b', '/photos', [['a', 'b']]],
    ['/photos?a=b?c', '/photos', [['a', 'b?c']]],
    [
      '/photos?a=1&a=2',
      '/photos',
      [
        ['a', '1'],
        ['a', '2'],
      ],
    ],
    ['/photos?%zz=%', '/photos', [['%zz', '%']]],
    ['?a=b', '', [['a', 'b']]],
    ['//', '//', []],
    [undefined, '/', []],
  ])('%j has a path and a query', (url, path, query) => {
    const req = requestWith({}, url)
    expect(pathOf(req)).toBe(path)
    expect([...queryOf(req)]).toEqual(query)
  })
})
