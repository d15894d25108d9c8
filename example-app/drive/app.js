// @ts-check
import express from 'express'
import { activityLog } from './activity.js'
import { bearer } from './bearer.js'
import { albumsOf, draw, pictureOf } from './pictures.js'

/**
 * The resource server: keeps the pictures, and answers to access tokens only. It has never seen
 * the photo editor's sessions or cookies, and knows people by the `sub` of their token.
 *
 * @param {{ issuer: string, audience: string }} settings
 */
export function createDrive({ issuer, audience }) {
  const activity = activityLog()
  const app = express()
  app.disable('x-powered-by')

  app.get('/', (_req, res) => res.json({ name: 'drive', albums: '/v1/albums' }))

  app.use('/v1', bearer({ issuer, audience, scope: 'photos.read' }), (req, res, next) => {
    activity.add(res.locals['claims'], req.originalUrl)
    res.set('Cache-Control', 'private, no-store')
    next()
  })

  app.get('/v1/albums', (_req, res) => {
    const albums = albumsOf(res.locals['claims'].sub)
    res.json({
      albums: albums.map(({ id, title, pictures }) => ({
        id,
        title,
        pictures: pictures.map(card),
      })),
    })
  })

  app.get('/v1/pictures/:id', (req, res, next) => {
    const picture = pictureOf(res.locals['claims'].sub, req.params.id)
    if (!picture) return next()
    res.json(card(picture))
  })

  app.get('/v1/pictures/:id/image', (req, res, next) => {
    const picture = pictureOf(res.locals['claims'].sub, req.params.id)
    if (!picture) return next()
    res.type('svg').send(draw(picture))
  })

  app.get('/v1/usage', (_req, res) => {
    res.json(activity.usage(res.locals['claims'].sub))
  })

  app.get('/v1/activity', (_req, res) => {
    if (![res.locals['claims'].roles].flat().includes('admin')) {
      res.status(403).json({ error: 'admins_only' })
      return
    }
    res.json({ entries: activity.latest() })
  })

  app.use((_req, res) => void res.status(404).json({ error: 'not_found' }))
  app.use(unavailable)
  return app
}

/** @param {import('./pictures.js').Picture} picture */
function card({ id, title, place }) {
  return { id, title, place }
}

/** @type {import('express').ErrorRequestHandler} */
function unavailable(error, _req, res, next) {
  console.error(error)
  if (res.headersSent) return next(error)
  res.status(503).json({ error: 'unavailable' })
}
