// @ts-check
import { pipeline } from 'node:stream'
import express from 'express'
import { errorHandler, oauth, requireAuth } from 'express-oauth-client'
import { inspector } from 'express-oauth-client/inspector'
import { securityHeaders } from '../shared/headers.js'
import { useViews } from '../shared/views.js'
import { driveClient } from './drive-client.js'
import { errorPages, notFound } from './error-pages.js'
import { develop, findLook, looks } from './looks.js'
import { profileOf } from './profile.js'

/**
 * @typedef {object} PhotoEditorSettings
 * @property {string} issuer
 * @property {string} clientId
 * @property {string} clientSecret
 * @property {string} baseUrl
 * @property {string} secret
 * @property {string} scope
 * @property {Record<string, string>} authorizationParams
 * @property {string} driveUrl
 */

/**
 * The client: signs people in at the provider and opens their pictures in the drive.
 *
 * @param {PhotoEditorSettings} settings
 */
export function createPhotoEditor({ driveUrl, ...settings }) {
  const drive = driveClient(driveUrl)
  const app = express()
  app.disable('x-powered-by')
  app.use(securityHeaders([new URL(settings.issuer).origin]))
  useViews(app)

  const inspected = process.env['NODE_ENV'] !== 'production'
  const flows = inspected ? inspector() : undefined
  if (flows) app.use('/oauth-inspector', flows)

  const signIn = oauth({
    issuer: settings.issuer,
    clientId: settings.clientId,
    clientSecret: settings.clientSecret,
    baseUrl: settings.baseUrl,
    secret: settings.secret,
    scope: settings.scope,
    authorizationParams: settings.authorizationParams,
    logout: { returnTo: '/' },
  })
  app.use((_req, res, next) => {
    // Before the sign-in, whose error pages want to know it too.
    res.locals['inspected'] = inspected
    next()
  })
  app.use(signIn)

  app.use((req, res, next) => {
    // Every page says who is signed in, so the back button must not bring an old one back.
    res.set('Cache-Control', 'private, no-store')
    res.locals['user'] = req.auth?.user
    res.locals['path'] = req.path
    next()
  })

  app.get('/', (_req, res) => {
    res.render('home', { provider: settings.issuer, driveUrl })
  })

  app.get('/albums', requireAuth({ accessToken: true }), async (req, res) => {
    const { albums } = await drive.albums(req)
    const usage = await drive.usage(req)
    res.render('albums', { albums, usage })
  })

  app.get('/pictures/:id', requireAuth({ accessToken: true }), async (req, res) => {
    const picture = await drive.picture(req, req.params['id'])
    res.render('picture', { picture, looks, look: findLook(req.query['look']) })
  })

  app.get('/pictures/:id/image', requireAuth({ accessToken: true }), async (req, res, next) => {
    const image = await drive.image(req, req.params['id'])
    const look = findLook(req.query['look'])
    res.type('svg')
    if ('download' in req.query) res.attachment(`${req.params['id']}-${look.id}.svg`)
    if (look.filter) return res.send(develop(await image.text(), look))
    pipeline(image.body ?? [], res, (error) => {
      // A visitor who leaves before the end is no error.
      if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') next(error)
    })
  })

  app.get('/profile', requireAuth(), (req, res) => {
    res.render('profile', profileOf(req))
  })

  app.post('/profile/renew', requireAuth({ accessToken: true }), async (req, res) => {
    await req.auth?.getAccessToken({ force: true })
    res.redirect(303, '/profile')
  })

  app.get('/admin', requireAuth({ claims: { roles: 'admin' } }), async (req, res) => {
    const { entries } = await drive.activity(req)
    res.render('admin', { entries })
  })

  app.use(notFound, errorPages(), errorHandler())
  const close = async () => {
    flows?.close()
    await signIn.close()
  }
  return { app, close }
}
