import { describe, expect, it } from '@jest/globals'
import { isLoopback, isSecureOrLoopback } from '../lib/secure-url.ts'

describe('isLoopback', () => {
  it.each([
    'http://localhost',
    'http://LOCALHOST:3000',
    'http://app.localhost',
    'http://127.0.0.1:8080',
    'http://127.255.255.254',
    'http://0x7f.1',
    'http://2130706433',
    'http://[::1]:3000',
    'http://[0:0:0:0:0:0:0:1]',
  ])('is true of %s', (url) => {
    expect(isLoopback(new URL(url))).toBe(true)
  })

  it.each([
    'http://example.com',
    'http://localhost.example.com',
    'http://notlocalhost',
    'http://127.0.0.1.example.com',
    'http://127.example.com',
    'http://1.127.0.0',
    'http://0.0.0.0',
    'http://10.0.0.1',
    'http://169.254.169.254',
    'http://[::]',
    'http://[::ffff:10.0.0.1]',
    'http://[fe80::1]',
  ])('is false of %s', (url) => {
    expect(isLoopback(new URL(url))).toBe(false)
  })
})

describe('isSecureOrLoopback', () => {
  it.each([
    ['https://example.com', true],
    ['https://127.0.0.1', true],
    ['http://127.0.0.1:3000', true],
    ['http://localhost', true],
    ['http://example.com', false],
    ['http://user@example.com', false],
    ['ftp://localhost', false],
    ['ws://localhost', false],
    ['file:///etc/passwd', false],
    ['javascript:alert(1)', false],
  ])('of %s is %j', (url, expected) => {
    expect(isSecureOrLoopback(new URL(url))).toBe(expected)
  })
})
