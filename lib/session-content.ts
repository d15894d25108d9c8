/// <reference types="express-session" preserve="true" />
import type { UserClaims } from './types.ts'

/** Who is signed in, as it stands in the visitor's session. */
export interface LoginRecord {
  readonly tokenSetId: string
  readonly user: UserClaims
  readonly provider: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Milliseconds since the epoch at which the login ends, whatever happens. */
  readonly expiresAt: number
  /** `auth_time` of the ID token, in seconds. */
  readonly authTime?: number
  readonly acr?: string
  readonly sid?: string
  /** The client of which provider it belongs to: several `oauth()` can share one session. */
  readonly client: string
}

declare module 'express-session' {
  interface SessionData {
    /** Written and read by express-oauth-client only. */
    oauth?: LoginRecord
  }
}

interface Owned {
  readonly oauth?: Pick<LoginRecord, 'user' | 'provider'>
}

/** Whether two people are signed in; what one kept is not for the other. */
export function isOfAnother({ oauth: one }: Owned, { oauth: other }: Owned): boolean {
  if (!one || !other) return false
  return one.user.sub !== other.user.sub || one.provider !== other.provider
}

/** The app's own data of a session. */
export type Content = Record<string, unknown>

export function contentOf(session: object): Content {
  const { cookie: _cookie, oauth: _oauth, ...content } = session as Content
  return content
}

/** The keys that differ, with their new values; `undefined` for what is gone. */
export function changesBetween(before: Content, after: Content): ReadonlyMap<string, unknown> {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  const changed = [...keys].filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  )
  return new Map(changed.map((key) => [key, after[key]]))
}

export function applyChanges(session: object, changes: ReadonlyMap<string, unknown>): void {
  const target = session as Content
  for (const [key, value] of changes) {
    if (value === undefined) delete target[key]
    else target[key] = value
  }
}
