import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import escapeHtml from 'escape-html'
import { contextOf, type Mount } from '../context.ts'
import { isOAuthError, OAuthError } from '../errors.ts'
import { sendPage } from '../error-page.ts'
import { emit, newFlow } from '../events.ts'
import { addressOf, digestOf, pathOnly, shapesOf } from '../mask.ts'
import { isSameOrigin, isSameOriginUserAction, originalUrlOf } from '../navigation.ts'
import { redirect } from '../redirect.ts'
import type { LoginRecord } from '../session-content.ts'
import type { TokenSet } from '../tokens/token-set.ts'
import { randomValue } from '../transaction.ts'
import { requireMethod } from './require-method.ts'

/** A slow revocation endpoint must not keep anybody signed in. */
const revocationPatience = 2_000

/** `/logout`: POST signs out at once; GET asks first unless the browser proves a click on our site. */
export async function logout(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
): Promise<void> {
  requireMethod(req, res, ['GET', 'POST'])
  const outage = contextOf(req)?.outage
  if (outage) throw asFlow(outage)
  if (req.method === 'POST' && !isSameOrigin(req, mount.urls.origin)) {
    throw asFlow(crossSite(mount))
  }
  const login = mount.sessions.login(req)
  if (!login) return redirect(res, returnUrl(mount).href)
  if (req.method === 'GET' && !isSameOriginUserAction(req)) return confirm(res, mount)
  await signOut(req, res, mount, login)
}

const crossSite = ({ urls }: Mount) =>
  new OAuthError('ERR_CROSS_SITE', {
    detail: `logout: the form was posted from another origin than ${urls.origin}, or by a client that sends neither Sec-Fetch-Site nor Origin`,
  })

/** What is refused before it begins is a flow of its own, so that its failure can be looked into. */
function asFlow(error: OAuthError): OAuthError {
  const flow = (error.flow ??= newFlow())
  emit('logout.failed', flow, () => ({ error: error.code, facts: { detail: error.detail } }))
  return error
}

function confirm(res: ServerResponse, { urls }: Mount): void {
  sendPage(
    res,
    200,
    'Sign out?',
    `<p>You are about to sign out of this site.</p>
<form method="post" action="${escapeHtml(urls.logout)}" class="actions"><button>Sign out</button> <a class="button quiet" href="${escapeHtml(`${urls.basePath}/`)}">Stay signed in</a></form>`,
  )
}

/** The app's start page unless the app says otherwise. */
const returnUrl = ({ config, urls }: Mount): URL =>
  new URL(config.logout.returnTo ?? `${urls.basePath}/`, config.baseUrl)

async function signOut(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
  login: LoginRecord,
): Promise<void> {
  const { config, sessions } = mount
  const { vault } = mount.tokens(req)
  const flow = newFlow()
  const started = Date.now()
  emit('logout.started', flow, () => ({
    facts: {
      method: req.method,
      path: pathOnly(originalUrlOf(req)),
      tokenSet: digestOf(login.tokenSetId),
    },
  }))
  try {
    const tokenSet = await vault.readStored(login.tokenSetId)
    // The tombstone comes first: from here on no request in flight can bring the login back.
    await vault.remove(login.tokenSetId)
    await sessions.end(req)
    mount.loginLoop.reset(req, res)
    emit('logout.session_ended', flow)
    if (tokenSet) await revoke(mount, tokenSet, flow)
    await config.onLogout?.(login.user, req)
    const target = await providerLogout(mount, tokenSet)
    emit('logout.completed', flow, () => ({
      duration: Date.now() - started,
      facts: { returnTo: pathOnly(returnUrl(mount).pathname) },
    }))
    if (target)
      emit('logout.redirected', flow, () => ({
        facts: { endpoint: addressOf(target), parameters: shapesOf(target.searchParams) },
      }))
    redirect(res, (target ?? returnUrl(mount)).href)
  } catch (error) {
    if (error instanceof OAuthError) error.flow ??= flow
    emit('logout.failed', flow, () =>
      isOAuthError(error) ? { error: error.code, facts: { detail: error.detail } } : {},
    )
    throw error
  }
}

/** RFC 7009, best effort: refresh tokens of offline access outlive the session at the provider. */
async function revoke(
  { config, provider }: Mount,
  tokenSet: TokenSet,
  flow: string,
): Promise<void> {
  const { refreshToken } = tokenSet
  if (!config.logout.revoke || !refreshToken) return
  const started = Date.now()
  emit('logout.revocation_requested', flow, () => ({
    facts: {
      ...provider.about('revocation_endpoint'),
      parameters: shapesOf([
        ['token', refreshToken],
        ['token_type_hint', 'refresh_token'],
      ]),
    },
  }))
  const revoked = provider.revoke(refreshToken).then(
    (done) =>
      emit('logout.revocation_completed', flow, () => ({
        duration: Date.now() - started,
        facts: { supported: done },
      })),
    (error: unknown) =>
      emit('logout.revocation_failed', flow, () => ({
        duration: Date.now() - started,
        ...(isOAuthError(error) ? { error: error.code, facts: { detail: error.detail } } : {}),
      })),
  )
  const patience = new AbortController()
  await Promise.race([
    revoked,
    // Rejects when it is no longer needed.
    wait(revocationPatience, undefined, { signal: patience.signal }).catch(() => undefined),
  ])
  patience.abort()
}

/** OpenID Connect RP-Initiated Logout 1.0; a provider that is down does not keep the visitor here. */
async function providerLogout(
  mount: Mount,
  tokenSet: TokenSet | undefined,
): Promise<URL | undefined> {
  const { config, provider } = mount
  if (!config.logout.provider) return undefined
  try {
    return await provider.endSessionUrl({
      ...(tokenSet?.idToken === undefined ? {} : { id_token_hint: tokenSet.idToken }),
      post_logout_redirect_uri: returnUrl(mount).href,
      state: randomValue(),
    })
  } catch (error) {
    if (isOAuthError(error)) return undefined
    throw error
  }
}
