import { Store, type SessionData } from 'express-session'

declare module 'express-session' {
  interface SessionData {
    cart?: string[]
    note?: string
  }
}

/** The least that express-session asks of a store. */
export class SmallStore extends Store {
  readonly records = new Map<string, string>()
  /** Whether the store takes no writes at the moment. */
  readOnly = false

  override get(id: string, done: (error: unknown, data?: SessionData | null) => void): void {
    const text = this.records.get(id)
    setImmediate(() => done(null, text === undefined ? null : (JSON.parse(text) as SessionData)))
  }

  override set(id: string, data: SessionData, done?: (error?: unknown) => void): void {
    if (this.readOnly) return void setImmediate(() => done?.(new Error('read only')))
    this.records.set(id, JSON.stringify(data))
    setImmediate(() => done?.())
  }

  override destroy(id: string, done?: (error?: unknown) => void): void {
    this.records.delete(id)
    setImmediate(() => done?.())
  }
}
