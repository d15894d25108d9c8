import { afterEach, describe, expect, it } from '@jest/globals'
import { anything, assert, property, string } from 'fast-check'
import { createSealer, deriveKey, type Purpose } from '../lib/seal.ts'
import { advanceClock, resetClock } from './support/clock.ts'

const first = 'the-first-secret-of-at-least-32-characters'
const second = 'the-second-secret-of-at-least-32-characters'
const value = { refreshToken: 'the-refresh-token', list: [1, 'ü€😀', null], nested: { a: true } }
const inAnHour = () => Date.now() + 3_600_000

const sealer = createSealer<unknown>([first], 'token-set')
const sealed = sealer.seal('id', value, inAnHour())

afterEach(resetClock)

function bytesOf(text: string): Buffer {
  return Buffer.from(text.split('.')[2] ?? '', 'base64url')
}

function withBytes(text: string, bytes: Buffer): string {
  return [...text.split('.').slice(0, 2), bytes.toString('base64url')].join('.')
}

function withFlippedBit(text: string, index: number): string {
  const bytes = bytesOf(text)
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index)
  return withBytes(text, bytes)
}

describe('a sealed value', () => {
  it('comes back as it was', () => {
    expect(sealer.open('id', sealed)).toEqual(value)
  })

  it('comes back from another sealer with the same secret', () => {
    expect(createSealer([first], 'token-set').open('id', sealed)).toEqual(value)
  })

  it('shows nothing of the value, the record, or the secret', () => {
    const text = sealed + bytesOf(sealed).toString('latin1')
    for (const part of ['refresh', 'the-', first]) expect(text).not.toContain(part)
  })

  it('is another text each time, with another nonce', () => {
    const nonces = Array.from({ length: 500 }, () =>
      bytesOf(sealer.seal('id', value, inAnHour()))
        .subarray(0, 12)
        .toString('hex'),
    )
    expect(new Set(nonces).size).toBe(500)
  })

  it.each(['another-id', '', 'ID', 'id\0', '\0id'])('does not open for the record %j', (id) => {
    expect(sealer.open(id, sealed)).toBeUndefined()
  })

  it.each<Purpose>(['session-cookie', 'transaction-cookie'])(
    'does not open for the purpose %s',
    (purpose) => {
      const other = createSealer([first], purpose)
      const [version, , packed] = sealed.split('.')
      const keyId = other.seal('id', value, inAnHour()).split('.')[1]
      expect(other.open('id', sealed)).toBeUndefined()
      expect(other.open('id', [version, keyId, packed].join('.'))).toBeUndefined()
    },
  )

  it('does not open with another secret', () => {
    expect(createSealer([second], 'token-set').open('id', sealed)).toBeUndefined()
  })

  it('does not open when any bit of nonce, tag or content was changed', () => {
    const indexes = Array.from({ length: bytesOf(sealed).length }, (_, index) => index)
    const opened = indexes.filter(
      (index) => sealer.open('id', withFlippedBit(sealed, index)) !== undefined,
    )
    expect(indexes.length).toBeGreaterThan(100)
    expect(opened).toEqual([])
  })

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['cut off within the tag', (bytes: Buffer) => bytes.subarray(0, 20)],
    ['cut off within the nonce', (bytes: Buffer) => bytes.subarray(0, 5)],
    ['only nonce and tag', (bytes: Buffer) => bytes.subarray(0, 28)],
    ['longer', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ['without its first byte', (bytes: Buffer) => bytes.subarray(1)],
  ])('does not open when it is %s', (_title, change) => {
    expect(sealer.open('id', withBytes(sealed, change(bytesOf(sealed))))).toBeUndefined()
  })

  it.each([
    ['version', (parts: string[]) => ['v2', ...parts.slice(1)]],
    ['key id', ([version, keyId, packed]: string[]) => [version, `${keyId}x`, packed]],
    ['content of another one', ([version, keyId]: string[]) => [version, keyId, 'AAAA']],
  ])('does not open with another %s', (_title, change) => {
    expect(sealer.open('id', change(sealed.split('.')).join('.'))).toBeUndefined()
  })

  it('opens until it expires, and not a moment longer', () => {
    const short = sealer.seal('id', value, Date.now() + 60_000)
    advanceClock(59_000)
    expect(sealer.open('id', short)).toEqual(value)
    advanceClock(1000)
    expect(sealer.open('id', short)).toBeUndefined()
  })

  it.each([0, -1, Number.NaN])('with the expiry %d never opens', (expiresAt) => {
    expect(sealer.open('id', sealer.seal('id', value, expiresAt))).toBeUndefined()
  })
})

describe('a ring of secrets', () => {
  const rotated = createSealer([second, first], 'token-set')

  it('opens what an older secret sealed', () => {
    expect(rotated.open('id', sealed)).toEqual(value)
  })

  it('seals with the first one', () => {
    const fresh = rotated.seal('id', value, inAnHour())
    expect(createSealer([second], 'token-set').open('id', fresh)).toEqual(value)
    expect(sealer.open('id', fresh)).toBeUndefined()
  })

  it('no longer opens what a secret sealed that was taken out', () => {
    expect(createSealer([second], 'token-set').open('id', sealed)).toBeUndefined()
  })

  it('cannot seal when it is empty', () => {
    const empty = createSealer([], 'token-set')
    expect(() => empty.seal('id', value, inAnHour())).toThrow(RangeError)
    expect(empty.open('id', sealed)).toBeUndefined()
  })
})

describe('junk', () => {
  it.each(['', '.', '..', 'v1', 'v1..', 'v1.x', 'v1.x.y', 'v1.__proto__.x', '\0', '😀.😀.😀'])(
    '%j opens as nothing',
    (text) => {
      expect(sealer.open('id', text)).toBeUndefined()
    },
  )

  it('never throws, whatever it is', () => {
    const keyId = sealed.split('.')[1]
    const opensNothing = property(string({ unit: 'binary' }), (text) =>
      [text, `v1.${keyId}.${text}`, `v1.${keyId}.${Buffer.from(text).toString('base64url')}`].every(
        (one) => sealer.open('id', one) === undefined,
      ),
    )
    expect(() => assert(opensNothing, { numRuns: 2000 })).not.toThrow()
  })

  it('is not made of any value that JSON can write', () => {
    const roundTrip = property(anything({ values: [string()] }), (original) => {
      const plain: unknown = JSON.parse(JSON.stringify({ original }) ?? '{}')
      const opened = sealer.open('id', sealer.seal('id', plain, inAnHour()))
      return JSON.stringify(opened) === JSON.stringify(plain)
    })
    expect(() => assert(roundTrip)).not.toThrow()
  })
})

describe('deriveKey', () => {
  it('gives 256 bits that depend on the secret and the purpose', () => {
    const keys = [first, second].flatMap((secret) =>
      (['token-set', 'session-cookie', 'transaction-cookie'] as const).map((purpose) =>
        deriveKey(secret, purpose),
      ),
    )
    expect(keys.map((key) => key.length)).toEqual([32, 32, 32, 32, 32, 32])
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(6)
    expect(deriveKey(first, 'token-set')).toEqual(keys[0])
  })
})
