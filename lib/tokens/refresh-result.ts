import { setTimeout as wait } from 'node:timers/promises'
import { isOAuthError, OAuthError } from '../errors.ts'
import { emit } from '../events.ts'
import type { Config } from '../options.ts'
import type { Provider } from '../provider.ts'
import { adopted, expired, requireStored, serves, type Attempt } from './refresh-attempt.ts'
import { grantShapes, mergeGrant, type Grant, type TokenSet } from './token-set.ts'
import type { TokenVault } from './token-vault.ts'

/** A token set that the store would not take is offered again until then. */
const persistFor = 10 * 60_000
const persistInterval = 250

const isStoreOutage = (error: unknown): error is OAuthError =>
  isOAuthError(error) && error.code === 'ERR_TOKEN_STORE_UNAVAILABLE'

/** What the provider has answered, on its way into the token store: none of it may get lost. */
export interface RefreshResults {
  /** The next version of the token set, stored. */
  persist(attempt: Attempt, previous: TokenSet, grant: Grant): Promise<TokenSet>
  /** Tokens of this id that the store has not taken yet. */
  unsaved(id: string): Promise<TokenSet> | undefined
  /** Waits for them; an outage when it takes too long. */
  saved(saving: Promise<TokenSet>): Promise<TokenSet>
}

export function createRefreshResults(
  config: Config,
  vault: TokenVault,
  provider: Provider,
): RefreshResults {
  const unsaved = new Map<string, Promise<TokenSet>>()

  const persistNow = async (
    attempt: Attempt,
    previous: TokenSet,
    grant: Grant,
  ): Promise<TokenSet> => {
    const { flow, id, request } = attempt
    const next = mergeGrant(previous, grant, request)
    const result = await vault.replace(id, previous, next)
    if (result === 'ok') {
      emit('refresh.persisted', flow, () => ({
        facts: {
          version: next.version,
          rotated: grant.refreshToken !== undefined,
          expiresIn: grant.expiresIn,
          parameters: grantShapes(grant),
        },
      }))
      return next
    }
    if (result === 'gone') return discard(previous, grant)
    const newest = requireStored(await vault.readStored(id))
    // Same refresh token: an unrelated change came between, and this answer belongs on top of it.
    if (newest.refreshToken === previous.refreshToken) return persistNow(attempt, newest, grant)
    if (serves(newest, attempt)) return adopted(attempt, newest)
    const { refreshToken: _replaced, ...rest } = grant
    return persistNow(attempt, newest, rest)
  }

  /**
   * The login ended while the provider was asked: what it gave must not outlive a logout. With
   * another login of the same person it is only forgotten: some providers revoke the whole grant.
   */
  const discard = async ({ subject }: TokenSet, { refreshToken }: Grant): Promise<never> => {
    const owner = { issuer: provider.name, subject }
    // Best effort: nobody has the token any more, and where nobody can say it is left alone.
    if (config.logout.revoke && refreshToken && !(await vault.hasAny(owner).catch(() => true))) {
      await provider.revoke(refreshToken).catch(() => undefined)
    }
    throw expired('the login has ended in the meantime')
  }

  const keepTrying = async (attempt: Attempt, previous: TokenSet, grant: Grant) => {
    const deadline = Date.now() + persistFor
    for (;;) {
      await wait(persistInterval, undefined, { ref: false })
      try {
        return await persistNow(attempt, previous, grant)
      } catch (error) {
        if (!isStoreOutage(error) || Date.now() > deadline) throw error
      }
    }
  }

  const saved = async (saving: Promise<TokenSet>): Promise<TokenSet> => {
    const limit = wait(config.timeout * 1000, undefined, { ref: false })
    const tokenSet = await Promise.race([saving, limit])
    if (tokenSet) return tokenSet
    throw new OAuthError('ERR_TOKEN_STORE_UNAVAILABLE', {
      detail: 'refresh: the new tokens are kept in memory until the token store takes them',
      retryAfter: 5,
    })
  }

  return {
    saved,
    unsaved: (id) => unsaved.get(id),
    async persist(attempt, previous, grant) {
      try {
        return await persistNow(attempt, previous, grant)
      } catch (error) {
        if (!isStoreOutage(error)) throw error
        // A store that is down for the moment must not cost a rotated refresh token.
        const { id } = attempt
        const saving = keepTrying(attempt, previous, grant).finally(() => unsaved.delete(id))
        saving.catch(() => undefined) // Those who wait for it see the failure; nobody may be waiting.
        unsaved.set(id, saving)
        return saved(saving)
      }
    },
  }
}
