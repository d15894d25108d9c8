import type { TokenStore } from '../tokens/token-store.ts'
import { expiringMap } from './expiring-map.ts'

/**
 * Claims that hold within this process only.
 *
 * @internal
 */
export function processClaims(now: () => number): Pick<TokenStore, 'claim' | 'renew' | 'release'> {
  const owners = expiringMap<string>(now)
  const keyOf = (relatedId: string, name: string): string => JSON.stringify([relatedId, name])

  return {
    async claim(relatedId, name, owner, leaseMs) {
      const key = keyOf(relatedId, name)
      const holder = owners.get(key)
      if (holder !== undefined && holder !== owner) return 'held'
      owners.set(key, owner, now() + leaseMs)
      return 'acquired'
    },

    async renew(relatedId, name, owner, leaseMs) {
      const key = keyOf(relatedId, name)
      if (owners.get(key) !== owner) return false
      owners.set(key, owner, now() + leaseMs)
      return true
    },

    async release(relatedId, name, owner) {
      const key = keyOf(relatedId, name)
      if (owners.get(key) === owner) owners.delete(key)
    },
  }
}
