import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'

/** What a key is for; a value sealed for one purpose cannot be opened for another. */
export type Purpose = 'token-set' | 'session-cookie' | 'transaction-cookie'

const format = 'v1'
const nonceLength = 12
const tagLength = 16

/** A 256-bit key for one purpose, derived from the app's secret (HKDF, RFC 5869). */
export function deriveKey(secret: string, purpose: Purpose): Buffer {
  return Buffer.from(
    hkdfSync('sha256', secret, '', `express-oauth-client/${format}/${purpose}`, 32),
  )
}

interface SealKey {
  readonly id: string
  readonly key: Buffer
}

interface Sealed<T> {
  /** Milliseconds since the epoch. */
  readonly iat: number
  readonly exp: number
  readonly value: T
}

/** Seals and opens JSON values with a ring of secrets: the first seals, all of them open. */
export interface Sealer<T> {
  seal(recordId: string, value: T, expiresAt: number): string
  /** `undefined` when no key of the ring fits, the text was altered, or it has expired. */
  open(recordId: string, sealed: string): T | undefined
}

/**
 * AES-256-GCM with a random 96-bit nonce; the purpose and the record's id are additional data, so a
 * sealed text moved to another record does not open (NIST SP 800-38D).
 */
export function createSealer<T>(secrets: readonly string[], purpose: Purpose): Sealer<T> {
  const ring = secrets.map((secret): SealKey => {
    const key = deriveKey(secret, purpose)
    return { id: createHash('sha256').update(key).digest('base64url').slice(0, 8), key }
  })
  const additionalData = (recordId: string) => Buffer.from(`${purpose}\0${recordId}`)

  return {
    seal(recordId, value, expiresAt) {
      const [current] = ring
      if (!current) throw new RangeError('the ring of secrets is empty')
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', current.key, nonce)
      cipher.setAAD(additionalData(recordId))
      const content: Sealed<T> = { iat: Date.now(), exp: expiresAt, value }
      const body = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final()])
      const packed = Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
      return `${format}.${current.id}.${packed}`
    },

    open(recordId, sealed) {
      const [version, keyId, packed] = sealed.split('.')
      const match = ring.find(({ id }) => id === keyId)
      if (version !== format || !match || !packed) return undefined
      const bytes = Buffer.from(packed, 'base64url')
      if (bytes.length < nonceLength + tagLength) return undefined
      const decipher = createDecipheriv('aes-256-gcm', match.key, bytes.subarray(0, nonceLength))
      decipher.setAAD(additionalData(recordId))
      decipher.setAuthTag(bytes.subarray(nonceLength, nonceLength + tagLength))
      const content = decrypt(decipher, bytes.subarray(nonceLength + tagLength)) as
        | Sealed<T>
        | undefined
      return content && content.exp > Date.now() ? content.value : undefined
    },
  }
}

function decrypt(decipher: ReturnType<typeof createDecipheriv>, body: Buffer): unknown {
  try {
    const text = Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    return JSON.parse(text)
  } catch {
    // A failed authentication tag is the answer "not ours", which the caller reports.
    return undefined
  }
}
