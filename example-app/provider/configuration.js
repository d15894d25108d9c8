// @ts-check
import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { errors } from 'oidc-provider'
import { page } from '../shared/views.js'
import { findUser } from './users.js'

const day = 24 * 60 * 60

/**
 * @typedef {object} ProviderSettings
 * @property {string} issuer
 * @property {import('oidc-provider').ClientMetadata[]} clients
 * @property {string} drive the audience of the access tokens
 * @property {number} accessTokenTtl seconds
 */

/**
 * @param {ProviderSettings} settings
 * @returns {Promise<import('oidc-provider').Configuration>}
 */
export async function configuration({ clients, drive, accessTokenTtl }) {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return {
    clients,
    jwks: { keys: [{ ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256' }] },
    cookies: {
      keys: [randomBytes(32).toString('base64url')],
      names: {
        session: 'provider_session',
        interaction: 'provider_interaction',
        resume: 'provider_resume',
      },
    },

    claims: { openid: ['sub'], profile: ['name', 'roles'], email: ['email', 'email_verified'] },
    // Access tokens are for the drive only, so the ID token carries what the scope asked for.
    conformIdTokenClaims: false,
    findAccount: (_ctx, id) => account(id),
    extraTokenClaims: (_ctx, token) =>
      'accountId' in token ? { roles: findUser(token.accountId)?.roles ?? [] } : {},

    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, owner, token) => token.clientId === owner.clientId,
      },
      resourceIndicators: {
        enabled: true,
        // A refresh that names no resource gets a token for the one that was granted.
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => resourceServer(resource, drive, accessTokenTtl),
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = page('sign-out', { form, client: ctx.oidc.client?.clientName })
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = page('signed-out', {})
        },
      },
    },

    pkce: { required: () => true },
    issueRefreshToken: (_ctx, owner) => owner.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: grantEverythingAsked,
    renderError: (ctx, out) => {
      ctx.type = 'html'
      ctx.body = page('provider-error', { message: out.error_description, code: out.error })
    },
    ttl: {
      AccessToken: accessTokenTtl,
      AuthorizationCode: 60,
      IdToken: 60 * 60,
      Interaction: 60 * 60,
      RefreshToken: 14 * day,
      Grant: 14 * day,
      Session: 14 * day,
    },
  }
}

/** @param {string} id */
function account(id) {
  const user = findUser(id)
  if (!user) return undefined
  const { name, email, roles } = user
  return {
    accountId: id,
    claims: () => ({ sub: id, name, email, email_verified: true, roles }),
  }
}

/**
 * @param {string} resource
 * @param {string} drive
 * @param {number} accessTokenTtl
 * @returns {import('oidc-provider').ResourceServer}
 */
function resourceServer(resource, drive, accessTokenTtl) {
  if (resource !== drive) throw new errors.InvalidTarget()
  return {
    scope: 'photos.read',
    audience: drive,
    accessTokenTTL: accessTokenTtl,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'RS256' } },
  }
}

/**
 * The sign-in page says what the client will see, so signing in there is the consent.
 *
 * @param {import('oidc-provider').KoaContextWithOIDC} ctx
 */
async function grantEverythingAsked({ oidc }) {
  const { client, session, provider, params, requestParamScopes } = oidc
  if (!client || !session?.accountId) return undefined
  const existing = session.grantIdFor(client.clientId)
  const grant =
    (existing && (await provider.Grant.find(existing))) ||
    new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  grant.addOIDCScope([...requestParamScopes].join(' '))
  if (typeof params?.['resource'] === 'string') {
    grant.addResourceScope(params['resource'], [...requestParamScopes].join(' '))
  }
  await grant.save()
  return grant
}
