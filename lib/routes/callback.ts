import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { contextOf, type Mount } from '../context.ts'
import { isOAuthError, OAuthError } from '../errors.ts'
import { emit, newFlow } from '../events.ts'
import { authenticate } from '../identify.ts'
import { cookieShapes, pathOnly, shapesOf } from '../mask.ts'
import { queryOf } from '../navigation.ts'
import { redirect } from '../redirect.ts'
import type { Outcome, Taken } from '../transaction.ts'
import { callbackFacts } from './callback-facts.ts'
import {
  exchangeCode,
  requireWhatWasAsked,
  welcome,
  withUserinfo,
  type Callback,
} from './callback-steps.ts'
import { withoutTransaction } from './lost-login.ts'
import { isWithoutSession, park } from './parked-answer.ts'
import { readForm } from './read-form.ts'
import { requireMethod } from './require-method.ts'
import { storeLogin } from './store-login.ts'

const maxStateLength = 512
const pollInterval = 100

/** `/callback`: takes the provider's answer and signs the person in (RFC 6749 section 4.1.2). */
export async function callback(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
): Promise<void> {
  requireMethod(req, res, mount.config.responseMode === 'form_post' ? ['GET', 'POST'] : ['GET'])
  try {
    await receive(req, res, mount)
  } catch (error) {
    throw withFlow(error, req, mount)
  }
}

/** What belongs to no login of ours is a flow of its own, so that its failure can be looked into. */
function withFlow(error: unknown, req: IncomingMessage, mount: Mount): unknown {
  if (!(error instanceof OAuthError) || error.flow) return error
  const flow = newFlow()
  error.flow = flow
  emit('login.failed', flow, () => ({
    error: error.code,
    facts: { ...callbackFacts(req, mount, queryOf(req)), detail: error.detail },
  }))
  return error
}

async function receive(req: IncomingMessage, res: ServerResponse, mount: Mount): Promise<void> {
  const outage = contextOf(req)?.outage
  if (outage) throw outage
  const params = req.method === 'POST' ? await readForm(req) : queryOf(req)
  const state = stateOf(params)
  if (isWithoutSession(req, mount, params)) return park(req, res, mount, state, params)

  const taken = await takeOrWait(req, mount, state)
  if (taken.status === 'done') return continueAs(req, res, mount, taken.outcome)
  if (taken.status !== 'pending') return withoutTransaction(req, res, mount, taken, params)

  const { answer, transaction } = taken
  if (mount.config.responseMode === 'form_post' && answer === undefined) {
    await mount.transactions.finish(req, res, state, undefined)
    throw malformed('the answer came in the address, although a posted form was asked for')
  }
  const received = answer === undefined ? params : new URLSearchParams(answer)
  const sessionBefore = mount.sessions.snapshot(req)
  await finish({ req, res, mount, params: received, transaction, sessionBefore })
}

async function finish(one: Callback): Promise<void> {
  const { req, res, mount, params, transaction } = one
  const { flow, state } = transaction
  const started = Date.now()
  emit('login.callback_received', flow, () => ({ facts: callbackFacts(req, mount, params) }))
  emit('login.transaction_taken', flow, () => ({
    facts: {
      parameters: shapesOf([['state', state]]),
      secondsAgo: Math.round((started - transaction.startedAt) / 1000),
    },
  }))
  try {
    const sessionId = await signIn(one)
    const { returnTo } = transaction
    await mount.transactions.finish(req, res, state, { sessionId, returnTo })
    mount.loginLoop.count(req, res)
    emit('login.completed', flow, () => ({
      duration: Date.now() - started,
      facts: { returnTo: pathOnly(returnTo), cookies: cookieShapes(res.getHeader('set-cookie')) },
    }))
    redirect(res, returnTo)
  } catch (error) {
    if (error instanceof OAuthError) error.flow ??= flow
    emit('login.failed', flow, () => ({
      duration: Date.now() - started,
      ...(isOAuthError(error)
        ? { error: error.code, facts: { detail: error.detail, oauthError: error.oauthError } }
        : { facts: { detail: 'an error that is not ours' } }),
    }))
    // The record expires by itself; the first error is the one to tell.
    await mount.transactions.finish(req, res, state, undefined).catch(() => undefined)
    throw error
  }
}

/** The checks, in their order; each of them throws. */
async function signIn(one: Callback): Promise<string> {
  const { mount, params } = one
  await mount.provider.checkAuthorizationResponse(params)
  const grant = await exchangeCode(one)
  requireWhatWasAsked(one, grant.claims)
  const claims = await withUserinfo(one, grant)
  const user = await welcome(one, grant, claims)
  return storeLogin(one, grant, user)
}

/** The transaction, or what its first arrival made of it: double clicks and reloads come here. */
async function takeOrWait(req: IncomingMessage, mount: Mount, state: string): Promise<Taken> {
  const deadline = Date.now() + mount.config.timeout * 1000
  for (;;) {
    const taken = await mount.transactions.take(req, state)
    if (taken.status !== 'taken' || Date.now() > deadline) return taken
    await wait(pollInterval)
  }
}

/** The login is done; a browser that lost the answer gets its session cookie once more. */
async function continueAs(
  req: IncomingMessage,
  res: ServerResponse,
  mount: Mount,
  { returnTo, sessionId }: Outcome,
): Promise<void> {
  if (!(await authenticate(mount, req))) await mount.sessions.adopt(req, sessionId)
  redirect(res, returnTo)
}

function stateOf(params: URLSearchParams): string {
  for (const name of ['state', 'code', 'error', 'iss']) {
    if (params.getAll(name).length > 1) throw malformed(`the parameter ${name} is there twice`)
  }
  const state = params.get('state')
  if (!state) throw malformed('the parameter state is missing')
  if (state.length > maxStateLength) throw malformed('the parameter state is too long')
  return state
}

const malformed = (detail: string) =>
  new OAuthError('ERR_CALLBACK_INVALID', { detail: `callback: ${detail}` })
