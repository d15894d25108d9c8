import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { isOAuthError, OAuthError } from '../errors.ts'
import { emit } from '../events.ts'
import type { Config } from '../options.ts'
import { requireStored, serves, type Attempt } from './refresh-attempt.ts'
import type { TokenSet } from './token-set.ts'
import type { TokenVault } from './token-vault.ts'

const defaultLease = 15
/** Those who wait for another process look this often, with jitter. */
const pollInterval = 40

/** The right to spend the refresh token, until it is let go. */
export interface Claim {
  release(): Promise<void>
}

/** One refresh at a time across all processes that share the token store. */
export interface Claims {
  /** Takes the claim, or comes back with what its holder has stored. */
  takeOrAdopt(attempt: Attempt): Promise<Claim | TokenSet>
}

/** Where the store takes writes and yet nobody can have its lock. */
const withoutLock: Claim = { release: async () => undefined }

export const isClaim = (one: Claim | TokenSet): one is Claim => 'release' in one

export function createClaims(config: Config, vault: TokenVault): Claims {
  const lease = (config.refresh ? config.refresh.lease : defaultLease) * 1000
  const patience = config.timeout * 1000 + lease

  const take = async (attempt: Attempt): Promise<Claim | undefined> => {
    const { id } = attempt
    const owner = randomBytes(16).toString('base64url')
    const claim = async () => ((await vault.claim(id, owner, lease)) ? hold(id, owner) : undefined)
    try {
      return await claim()
    } catch (error) {
      if (!isOAuthError(error) || error.code !== 'ERR_TOKEN_STORE_UNAVAILABLE') throw error
      await requireWrites(attempt, error)
      // Whoever holds the claim may have outlived the outage, so the lock is asked once more.
      return claim().catch(() => withoutLock)
    }
  }

  /** A token must not be spent while its successor could not be stored. */
  const requireWrites = async ({ id }: Attempt, outage: OAuthError) => {
    const stored = requireStored(await vault.readStored(id))
    const touched = { ...stored, version: stored.version + 1 }
    if ((await vault.replace(id, stored, touched)) !== 'ok') throw outage
  }

  /** Keeps the claim alive, however slow the provider is. */
  const hold = (id: string, owner: string): Claim => {
    // Taken anew rather than renewed, because a store that was restarted may have forgotten it.
    const heartbeat = setInterval(() => {
      // The next beat tries again; the vault has published what was wrong.
      vault.claim(id, owner, lease).catch(() => undefined)
    }, lease / 3).unref()
    return {
      async release() {
        clearInterval(heartbeat)
        // The lease ends by itself where the release does not arrive.
        await vault.release(id, owner).catch(() => undefined)
      },
    }
  }

  return {
    async takeOrAdopt(attempt) {
      const deadline = Date.now() + patience
      let waited = false
      for (;;) {
        const claim = await take(attempt)
        if (claim) {
          if (claim !== withoutLock) emit('refresh.claimed', attempt.flow)
          return claim
        }
        if (!waited) emit('refresh.waited', attempt.flow)
        waited = true
        await wait(pollInterval * (0.5 + Math.random()))
        const stored = requireStored(await vault.readStored(attempt.id))
        if (serves(stored, attempt)) return stored
        if (Date.now() > deadline) {
          throw new OAuthError('ERR_TOKEN_REFRESH_FAILED', {
            detail: 'refresh: another process has been refreshing this token for too long',
            retryAfter: 1,
          })
        }
      }
    },
  }
}
