// @ts-check
import express from 'express'
import { errors, Provider } from 'oidc-provider'
import { securityHeaders } from '../shared/headers.js'
import { useViews } from '../shared/views.js'
import { configuration } from './configuration.js'
import { checkPassword, findUser, users } from './users.js'

/**
 * The authorization server: knows the people, asks for their passwords, gives out tokens.
 *
 * @param {import('./configuration.js').ProviderSettings & { clientUrl: string, ownAppUrl: string }} settings
 */
export async function createProvider({ clientUrl, ownAppUrl, ...settings }) {
  const provider = new Provider(settings.issuer, await configuration(settings))
  provider.on('server_error', (_ctx, error) => console.error(error))

  const app = express()
  app.disable('x-powered-by')
  app.use(securityHeaders([clientUrl, ownAppUrl]))
  useViews(app)

  app.get('/', (_req, res) => res.render('provider-home', { clientUrl }))

  app.use('/interaction', (_req, res, next) => {
    res.set('Cache-Control', 'no-store')
    next()
  })

  app.get('/interaction/:uid', async (req, res) => {
    const interaction = await provider.interactionDetails(req, res)
    res.render('sign-in', await signInPage(interaction))
  })

  app.post('/interaction/:uid', express.urlencoded({ extended: false }), async (req, res) => {
    const interaction = await provider.interactionDetails(req, res)
    const user = checkPassword(req.body?.user, req.body?.password)
    if (!user) {
      const chosen = findUser(req.body?.user)?.id
      res
        .status(422)
        .render('sign-in', { ...(await signInPage(interaction)), chosen, failed: true })
      return
    }
    await provider.interactionFinished(req, res, { login: { accountId: user.id } })
  })

  app.post('/interaction/:uid/cancel', async (req, res) => {
    await provider.interactionFinished(req, res, {
      error: 'access_denied',
      error_description: 'the sign-in was cancelled',
    })
  })

  app.use(provider.callback())
  app.use(interactionGone)

  /** @param {Awaited<ReturnType<typeof provider.interactionDetails>>} interaction */
  async function signInPage({ uid, params }) {
    const client = await provider.Client.find(String(params['client_id']))
    const hint = findUser(String(params['login_hint']))
    return {
      uid,
      users,
      client: client?.clientName ?? params['client_id'],
      seesPictures: String(params['scope']).split(' ').includes('photos.read'),
      chosen: hint?.id ?? users[0]?.id,
      failed: false,
    }
  }

  return app
}

/** @type {import('express').ErrorRequestHandler} */
function interactionGone(error, _req, res, next) {
  if (!(error instanceof errors.SessionNotFound)) return next(error)
  const message = 'This sign-in has ended or took too long. Please start again at the app.'
  res.status(400).render('provider-error', { message, code: '' })
}
