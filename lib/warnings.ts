import { emit } from './events.ts'

const warnings = {
  WARN_CLOCK_SKEW:
    "This server's clock and the provider's differ by more than clockTolerance; set the clock with NTP, or logins fail with ERR_ID_TOKEN_INVALID.",
  WARN_HOST_DIFFERS:
    'A login was started on another host than baseUrl names. Cookies belong to one host, so the callback may not find them; open the site under baseUrl, or correct baseUrl.',
  WARN_ISSUER_UNCHECKED:
    "The provider sends the parameter 'iss', but nothing says what to compare it with; set server.issuer to the value that its documentation names.",
  WARN_NO_REFRESH_TOKEN:
    "The provider returned no refresh token, so API access ends with the first access token. Most providers want the scope offline_access, some also prompt: 'consent' or access_type: 'offline' in authorizationParams.",
  WARN_SESSION_MEMORY_STORE:
    'Sessions and tokens are kept in the memory of this process although NODE_ENV is production: every restart signs everybody out, and a second process does not know them. Give express-session a store.',
  WARN_SESSION_MOUNTED_AFTER:
    'express-session is mounted after oauth(), so oauth() has opened a session of its own and the other one is never used. Move express-session before oauth(), or pass its options as oauth({ session }).',
  WARN_SESSION_RESAVE:
    "express-session saves sessions that have not changed (resave: true). Parallel requests then overwrite each other's sessions, and can bring an ended one back; write resave: false.",
  WARN_TOKEN_SET_UNREADABLE:
    "A stored token set could not be opened, so its visitor has to sign in again. If 'secret' was changed, keep the old one as the second entry: secret: [new, old].",
} as const

/** The closed list of warnings; each has a heading in `docs/errors.md`. */
export type WarningCode = keyof typeof warnings

export const warningCodes = Object.keys(warnings) as readonly WarningCode[]

const given = new Set<WarningCode>()

/**
 * Says once per process what is wrong with the deployment. `node --disable-warning=CODE` or a
 * listener of `process.on('warning')` silences or redirects it.
 */
export function warnOnce(code: WarningCode): void {
  if (given.has(code)) return
  given.add(code)
  emit('warning', 'deployment', () => ({ facts: { warning: code } }))
  process.emitWarning(`${warnings[code]} (docs/errors.md#${code.toLowerCase()})`, {
    type: 'OAuthWarning',
    code,
  })
}
