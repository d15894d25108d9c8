import { OAuthError } from './errors.ts'
import type { Config } from './options.ts'
import { withTimeLimit } from './stores/time-limit.ts'
import { chooseAuthMethod, type Metadata } from './provider-metadata.ts'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** How this client proves who it is at the provider. */
export interface ClientSecret {
  /** Asks the app anew where it rotates its secret. */
  readonly read: () => Promise<string>
  /** What may be wrong with it when the provider refuses it, without the value. */
  refusal(metadata: Metadata): Promise<string>
}

export function createClientSecret(config: Config): ClientSecret {
  const read = async () => {
    if (typeof config.clientSecret === 'string') return config.clientSecret
    try {
      const answer = Promise.resolve(config.clientSecret())
      const value: unknown = await withTimeLimit(answer, config.timeout * 1000, 'clientSecret()')
      if (typeof value === 'string' && value) return value
      throw new TypeError(`it gave ${value === '' ? 'an empty string' : typeof value}`)
    } catch (cause) {
      throw new OAuthError('ERR_CONFIG_INVALID', {
        detail: "option 'clientSecret': the function has failed; see the cause",
        cause,
      })
    }
  }

  return {
    read,
    async refusal(metadata) {
      const value = await read()
      const offered = metadata.token_endpoint_auth_methods_supported?.join(', ') ?? 'not stated'
      const clues = [
        `client authentication used: ${chooseAuthMethod(config, metadata)}, offered by the provider: ${offered}`,
        value !== value.trim() ? 'the secret begins or ends with white space' : '',
        uuid.test(value)
          ? "the secret looks like an identifier; was the secret's id copied instead of its value?"
          : '',
      ]
      return clues
        .filter(Boolean)
        .map((clue) => `; ${clue}`)
        .join('')
    },
  }
}
