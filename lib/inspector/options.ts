import type { IncomingMessage } from 'node:http'
import { isProduction } from '../environment.ts'
import { OAuthError } from '../errors.ts'

export interface InspectorOptions {
  /**
   * Who may look; everybody else gets 404. Without it everybody who reaches the process may, so it
   * is required in production.
   */
  readonly guard?: (req: IncomingMessage) => boolean | Promise<boolean>
  /** Start although `NODE_ENV` is `production`; needs a `guard`. @default false */
  readonly dangerouslyAllowInProduction?: boolean
}

const known = new Set(['guard', 'dangerouslyAllowInProduction'])

const invalid = (detail: string) =>
  new OAuthError('ERR_CONFIG_INVALID', { detail: `inspector(): ${detail}` })

/** What the inspector shows helps a developer and, in production, an attacker as well. */
export function checkOptions(options: InspectorOptions): void {
  const unknown = Object.keys(options).find((name) => !known.has(name))
  if (unknown !== undefined) {
    throw invalid(`unknown option '${unknown}'; known here: ${[...known].join(', ')}`)
  }
  if (options.guard !== undefined && typeof options.guard !== 'function') {
    throw invalid(
      `option 'guard' must be a function of the request; received ${typeof options.guard}`,
    )
  }
  if (!isProduction() || (options.dangerouslyAllowInProduction === true && options.guard)) return
  throw invalid(
    "it does not start where NODE_ENV is production: mount it with if (process.env.NODE_ENV !== 'production'), or write inspector({ dangerouslyAllowInProduction: true, guard: (req) => whether this person may look })",
  )
}
