// @ts-check

/**
 * @typedef {object} Ports
 * @property {number} [photoEditor]
 * @property {number} [drive]
 * @property {number} [provider]
 */

/**
 * A provider of your own in place of the local one.
 *
 * @typedef {object} OwnProvider
 * @property {string} issuer
 * @property {string} clientId
 * @property {string} clientSecret
 * @property {string} scope
 * @property {Record<string, string>} authorizationParams
 * @property {string | undefined} audience what access tokens for the drive carry as `aud`
 */

/**
 * @typedef {object} ExampleSettings
 * @property {Ports} [ports]
 * @property {number} [accessTokenTtl] seconds
 * @property {string} [ownAppUrl] where an app of yours may sign in as the client `my-app`
 * @property {OwnProvider} [ownProvider]
 */

/** @param {NodeJS.ProcessEnv} env @returns {ExampleSettings} */
export function readSettings(env) {
  const ownProvider = readOwnProvider(env)
  return {
    ports: {
      photoEditor: whole(env, 'PHOTO_EDITOR_PORT', 3000, 0, 65_535),
      drive: whole(env, 'DRIVE_PORT', 3001, 0, 65_535),
      provider: whole(env, 'PROVIDER_PORT', 3002, 0, 65_535),
    },
    accessTokenTtl: whole(env, 'ACCESS_TOKEN_TTL', 20, 1, 86_400),
    ...(env['OWN_APP_URL'] && { ownAppUrl: env['OWN_APP_URL'] }),
    ...(ownProvider && { ownProvider }),
  }
}

/** @param {NodeJS.ProcessEnv} env @returns {OwnProvider | undefined} */
function readOwnProvider(env) {
  const { OAUTH_ISSUER, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET } = env
  if (!OAUTH_ISSUER) return undefined
  if (!OAUTH_CLIENT_ID || !OAUTH_CLIENT_SECRET) {
    throw new Error('OAUTH_ISSUER also needs OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET.')
  }
  return {
    issuer: OAUTH_ISSUER,
    clientId: OAUTH_CLIENT_ID,
    clientSecret: OAUTH_CLIENT_SECRET,
    scope: env['OAUTH_SCOPE'] ?? 'openid profile email',
    authorizationParams: Object.fromEntries(new URLSearchParams(env['OAUTH_AUTHORIZATION_PARAMS'])),
    audience: env['DRIVE_AUDIENCE'],
  }
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 * @param {number} standard
 * @param {number} least
 * @param {number} most
 */
function whole(env, name, standard, least, most) {
  const text = env[name]
  if (!text) return standard
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new Error(`${name} must be a whole number from ${least} to ${most}, not '${text}'.`)
}
