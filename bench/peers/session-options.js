// @ts-check

/**
 * express-session as an app mounts it that follows its documentation.
 *
 * @param {import('../requests-server.js').PeerOptions} options
 * @returns {import('express-session').SessionOptions}
 */
export function sessionOptions({ secret, stores }) {
  return {
    store: stores.session,
    name: 'session',
    secret,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', maxAge: 24 * 60 * 60 * 1000 },
  }
}
