// @ts-check
import { isOAuthError } from 'express-oauth-client'
import { DriveError } from './drive-client.js'

const nowhere = {
  title: 'Nothing here',
  message: 'There is no page at this address.',
}
const noPicture = {
  title: 'No such picture',
  message: 'The drive has no picture of this name for you.',
}
const driveDown = {
  title: 'The drive does not answer',
  message: 'Your pictures are safe, but they cannot be opened right now. Please try again shortly.',
}
const titles = {
  ERR_FORBIDDEN: 'Not for you',
  ERR_LOGIN_CANCELLED: 'Sign-in cancelled',
}

/** @param {import('express').Request} _req @param {import('express').Response} res */
export function notFound(_req, res) {
  res.status(404).render('error', nowhere)
}

/**
 * Pages in the editor's own look for what visitors may meet. Everything else (a login that has run
 * out, an outage, requests that are not page views) is left to the package's `errorHandler()`.
 *
 * @returns {import('express').ErrorRequestHandler}
 */
export function errorPages() {
  return (error, req, res, next) => {
    if (res.headersSent || !req.get('accept')?.includes('text/html')) return next(error)
    if (error instanceof DriveError) {
      const words = error.status === 404 ? noPicture : driveDown
      return res.status(error.status === 404 ? 404 : 502).render('error', words)
    }
    if (isOAuthError(error) && error.code in titles) {
      const title = titles[/** @type {keyof typeof titles} */ (error.code)]
      return res.status(error.status).render('error', { title, message: error.message })
    }
    next(error)
  }
}
