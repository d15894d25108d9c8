/** The app's own data of a session. */
export function contentOf(session: object): Record<string, unknown> {
  const { cookie: _cookie, oauth: _oauth, ...content } = session as Record<string, unknown>
  return content
}

/** The keys that differ, with their new values; `undefined` for what is gone. */
export function changesBetween(before: object, after: object): ReadonlyMap<string, unknown> {
  const [old, now] = [before, after] as Record<string, unknown>[]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  const changed = [...keys].filter(
    (key) => JSON.stringify(old?.[key]) !== JSON.stringify(now?.[key]),
  )
  return new Map(changed.map((key) => [key, now?.[key]]))
}

export function applyChanges(session: object, changes: ReadonlyMap<string, unknown>): void {
  const target = session as Record<string, unknown>
  for (const [key, value] of changes) {
    if (value === undefined) delete target[key]
    else target[key] = value
  }
}
