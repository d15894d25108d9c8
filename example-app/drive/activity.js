// @ts-check

/** @typedef {{ time: number, who: string, what: string, token: number }} Entry */

/** Remembers who asked for what, and which of a person's access tokens came with it. */
export function activityLog() {
  /** @type {Entry[]} */
  const entries = []
  /** @type {Map<string, { requests: number, tokens: Set<string> }>} */
  const people = new Map()

  /** @param {string} who */
  function person(who) {
    const known = people.get(who) ?? { requests: 0, tokens: new Set() }
    people.set(who, known)
    return known
  }

  return {
    /** @param {import('./bearer.js').Claims} claims @param {string} what */
    add({ sub, jti, iat }, what) {
      const known = person(sub)
      known.requests += 1
      known.tokens.add(jti ?? String(iat))
      entries.unshift({ time: Date.now(), who: sub, what, token: known.tokens.size })
      entries.splice(30)
    },
    latest: () => entries,
    /** @param {string} who */
    usage(who) {
      const { requests, tokens } = person(who)
      return { requests, tokens: tokens.size }
    },
  }
}
