/** What a store keeps of one token set. All of it but `sealed` is free of personal data and secrets. */
export interface StoredTokenSet {
  /** 1 at creation, one more with every replacement. */
  readonly version: number
  /** The encrypted token set; only this package can open it. */
  readonly sealed: string
  /** Milliseconds since the epoch after which the store may forget the record. */
  readonly expiresAt: number
  /** Digest of (`iss`, `sub`): finds every token set of one person. */
  readonly subjectKey?: string
  /** Digest of (`iss`, `sid`): finds every token set of one session at the provider. */
  readonly sidKey?: string
}

/** `conflict`: another version is stored now. `gone`: removed or expired; nothing was written. */
export type ReplaceResult = 'ok' | 'conflict' | 'gone'

/** `held`: another owner has the claim and its lease has not run out. */
export type ClaimResult = 'acquired' | 'held'

/**
 * Where token sets live. Every method rejects when the backend cannot be reached, and resolves for
 * everything else: an absent record is an answer, not an error. After a rejection it is unknown
 * whether a write took effect.
 *
 * Implement it to keep token sets somewhere else; `__tests__/stores/contract.ts` in the repository is
 * the contract as a test suite.
 */
export interface TokenStore {
  /**
   * Writes a new record and its index entries. Ids are random and never used twice; where a record or
   * a tombstone is already stored, nothing is written.
   */
  create(id: string, record: StoredTokenSet): Promise<void>

  /** The record, or `undefined` when it was never created, was removed, or has expired. */
  read(id: string): Promise<StoredTokenSet | undefined>

  /**
   * Writes `next` only if the stored version is `expectedVersion`; never re-creates a record that is
   * gone. The comparison and the write are one atomic step.
   */
  replace(id: string, expectedVersion: number, next: StoredTokenSet): Promise<ReplaceResult>

  /**
   * Deletes the record and its index entries and leaves a tombstone, so that a late `replace` or
   * `create` of the same id cannot bring it back. Removing twice is fine.
   */
  remove(id: string): Promise<void>

  /**
   * Takes the claim `name` for `owner` for `leaseMs`. Claiming again as the same owner renews it.
   * `relatedId` is the token set the claim is about, so that a clustered store can keep both in one
   * place.
   */
  claim(relatedId: string, name: string, owner: string, leaseMs: number): Promise<ClaimResult>

  /** Extends the lease; `false` when `owner` no longer has the claim. */
  renew(relatedId: string, name: string, owner: string, leaseMs: number): Promise<boolean>

  /** Gives the claim back if `owner` still has it. */
  release(relatedId: string, name: string, owner: string): Promise<void>

  /** Ids of the live token sets with this `subjectKey` or `sidKey`. */
  find(key: { subjectKey: string } | { sidKey: string }): Promise<string[]>

  /** Ends what the store itself opened (timers); never the client or pool that was handed to it. */
  close?(): Promise<void>
}
