// @ts-check

const moments = new Set(['auth_time', 'exp', 'iat', 'nbf', 'updated_at'])

/**
 * What is known about a signed-in visitor, as a person reads it.
 *
 * @param {import('express').Request} req
 */
export function profileOf({ auth }) {
  if (!auth) throw new TypeError('a profile needs a signed-in visitor; put requireAuth() before')
  const { user, scope, accessToken, expiresAt, provider } = auth
  return {
    claims: Object.entries(user).map(([name, value]) => ({ name, value: readable(name, value) })),
    scope,
    provider,
    live: accessToken !== undefined,
    secondsLeft: expiresAt && Math.max(0, Math.ceil((expiresAt - Date.now()) / 1000)),
  }
}

/** @param {string} name @param {unknown} value */
function readable(name, value) {
  if (typeof value === 'number' && moments.has(name)) return new Date(value * 1000).toUTCString()
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.join(', ') || 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
