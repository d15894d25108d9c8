import { createHash, randomBytes } from 'node:crypto'
import type { Config } from '../options.ts'
import { OAuthError } from '../errors.ts'
import { emit, millisecondsSince, newCall } from '../events.ts'
import { createSealer } from '../seal.ts'
import { withTimeLimit } from '../stores/time-limit.ts'
import { warnOnce } from '../warnings.ts'
import { singleFlight } from './single-flight.ts'
import type { TokenSet } from './token-set.ts'
import type { ReplaceResult, StoredTokenSet, TokenStore } from './token-store.ts'

/** Whose tokens they are, for finding them again by person or by session at the provider. */
export interface Owner {
  readonly issuer: string
  readonly subject: string
  readonly sid: string | undefined
}

/** Token sets, sealed in a store and remembered for some seconds in this process. */
export interface TokenVault {
  create(tokenSet: TokenSet, owner: Owner): Promise<string>
  /** From memory only; costs nothing. */
  peek(id: string): TokenSet | undefined
  read(id: string): Promise<TokenSet | undefined>
  /** Past the memory, for decisions that must not be made on an old version. */
  readStored(id: string): Promise<TokenSet | undefined>
  replace(id: string, previous: TokenSet, next: TokenSet): Promise<ReplaceResult>
  /** Notes that the visitor is active now, on top of whatever else is written meanwhile. */
  touch(id: string, tokenSet: TokenSet): Promise<void>
  remove(id: string): Promise<void>
  /** Whether the person has tokens, of this login or another. */
  hasAny(owner: Pick<Owner, 'issuer' | 'subject'>): Promise<boolean>
  claim(id: string, owner: string, lease: number): Promise<boolean>
  release(id: string, owner: string): Promise<void>
  /** Takes something that exists once, across all processes that share the store. */
  takeOnce(id: string, lifetime: number): Promise<boolean>
}

interface Entry {
  readonly tokenSet: TokenSet
  readonly record: StoredTokenSet
  readonly until: number
}

const refreshClaim = 'refresh'
/** How long a removed id is remembered here, so that a late answer cannot bring it back to memory. */
const maxRemembered = 10_000

const digest = (...parts: string[]) =>
  createHash('sha256').update(parts.join('\0')).digest('base64url')

const subjectKeyOf = (issuer: string, subject: string) => digest('sub', issuer, subject)

/** Milliseconds since the epoch when the login is over: by its age, or because nobody was there. */
export const endOf = (tokenSet: TokenSet, { lifetime }: Config): number =>
  Math.min(tokenSet.expiresAt, tokenSet.seenAt + lifetime.idle * 1000)

export function createTokenVault(config: Config, store: TokenStore): TokenVault {
  const { maxEntries, ttl } = config.cache
  const sealer = createSealer<TokenSet>(config.secret, 'token-set')
  const entries = new Map<string, Entry>()
  const removed = new Set<string>()
  const removals = new Map<string, Promise<void>>()
  const reads = singleFlight<TokenSet | undefined>()
  const touches = singleFlight<void>()

  const ask = async <T>(operation: string, work: () => Promise<T>): Promise<T> => {
    const call = newCall('store')
    const started = performance.now()
    emit('store.requested', call, () => ({ facts: { operation } }))
    try {
      const answer = await withTimeLimit(work(), config.timeout * 1000, 'The token store')
      emit('store.completed', call, () => ({
        duration: millisecondsSince(started),
        facts: { operation },
      }))
      return answer
    } catch (cause) {
      emit('store.failed', call, () => ({
        duration: millisecondsSince(started),
        error: 'ERR_TOKEN_STORE_UNAVAILABLE',
        facts: { operation },
      }))
      throw new OAuthError('ERR_TOKEN_STORE_UNAVAILABLE', {
        detail: `the token store did not ${operation}; see the cause`,
        retryAfter: 5,
        cause,
      })
    }
  }

  const remember = (id: string, tokenSet: TokenSet, record: StoredTokenSet) => {
    if (removed.has(id) || maxEntries === 0 || ttl === 0) return
    const known = entries.get(id)
    if (known && known.tokenSet.version > tokenSet.version) return
    entries.delete(id)
    entries.set(id, { tokenSet, record, until: Date.now() + ttl * 1000 })
    const [oldest] = entries.keys()
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
  }

  const forget = (id: string) => {
    entries.delete(id)
    removed.add(id)
    const [oldest] = removed
    if (removed.size > maxRemembered && oldest !== undefined) removed.delete(oldest)
  }

  /** Whether it is gone for good; a removal under way may fail, and then it is not. */
  const isGone = async (id: string): Promise<boolean> => {
    // Whoever removes it hears of the failure; here it only counts what came of it.
    await removals.get(id)?.catch(() => undefined)
    return removed.has(id)
  }

  const readStored = async (id: string): Promise<TokenSet | undefined> => {
    if (await isGone(id)) return undefined
    const record = await ask('read', () => store.read(id))
    // Ids are used once, so what is gone stays gone and need not be asked for again.
    if (!record) forget(id)
    if (!record || removed.has(id)) return undefined
    const opened = sealer.open(id, record.sealed)
    if (!opened) {
      warnOnce('WARN_TOKEN_SET_UNREADABLE')
      return undefined
    }
    const tokenSet = { ...opened, version: record.version }
    remember(id, tokenSet, record)
    return tokenSet
  }

  const recordOf = (id: string, tokenSet: TokenSet, keys: Partial<StoredTokenSet>) => ({
    version: tokenSet.version,
    sealed: sealer.seal(id, tokenSet, tokenSet.expiresAt),
    expiresAt: endOf(tokenSet, config),
    ...(keys.subjectKey === undefined ? {} : { subjectKey: keys.subjectKey }),
    ...(keys.sidKey === undefined ? {} : { sidKey: keys.sidKey }),
  })

  return {
    async create(tokenSet, { issuer, subject, sid }) {
      const id = randomBytes(24).toString('base64url')
      const record = recordOf(id, tokenSet, {
        subjectKey: subjectKeyOf(issuer, subject),
        ...(sid === undefined ? {} : { sidKey: digest('sid', issuer, sid) }),
      })
      await ask('create', () => store.create(id, record))
      remember(id, tokenSet, record)
      return id
    },
    peek(id) {
      const entry = entries.get(id)
      return entry && entry.until > Date.now() ? entry.tokenSet : undefined
    },
    async read(id) {
      return this.peek(id) ?? reads.run(id, () => readStored(id))
    },
    readStored,
    async replace(id, previous, next) {
      if (await isGone(id)) return 'gone'
      const known = entries.get(id)?.record ?? (await ask('read', () => store.read(id)))
      const record = recordOf(id, next, known ?? {})
      const result = await ask('replace', () => store.replace(id, previous.version, record))
      if (result === 'ok') remember(id, next, record)
      else entries.delete(id)
      return result
    },
    touch(id, tokenSet) {
      const seenAt = Date.now()
      return touches.run(id, async () => {
        let seen: TokenSet | undefined = tokenSet
        while (seen && seen.seenAt < seenAt) {
          const next: TokenSet = { ...seen, version: seen.version + 1, seenAt }
          if ((await this.replace(id, seen, next)) !== 'conflict') return
          // A refresh came between; it knows nothing of this visit.
          seen = await readStored(id)
        }
      })
    },
    async hasAny({ issuer, subject }) {
      const subjectKey = subjectKeyOf(issuer, subject)
      return (await ask('find', () => store.find({ subjectKey }))).length > 0
    },
    async remove(id) {
      forget(id)
      const removal = ask('remove', () => store.remove(id))
      removals.set(id, removal)
      try {
        await removal
      } catch (error) {
        // Nobody was signed out, so this process must not act as if somebody had been.
        removed.delete(id)
        throw error
      } finally {
        removals.delete(id)
      }
    },
    async claim(id, owner, lease) {
      return (await ask('claim', () => store.claim(id, refreshClaim, owner, lease))) === 'acquired'
    },
    release: (id, owner) => ask('release', () => store.release(id, refreshClaim, owner)),
    async takeOnce(id, lifetime) {
      const owner = randomBytes(16).toString('base64url')
      return (await ask('claim', () => store.claim(id, 'once', owner, lifetime))) === 'acquired'
    },
  }
}
