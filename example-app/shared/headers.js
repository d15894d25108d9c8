// @ts-check

/**
 * Headers for pages that run no script and use no style but their own files.
 *
 * @param {string[]} formTargets further origins that a form's answer may redirect to
 * @returns {import('express').RequestHandler}
 */
export function securityHeaders(formTargets) {
  const policy = [
    "default-src 'none'",
    "img-src 'self'",
    "style-src 'self'",
    "script-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    // Browsers apply form-action to every redirect that follows a form: signing in ends at the
    // client, signing out at the provider.
    `form-action 'self' ${formTargets.join(' ')}`,
  ].join('; ')
  return (_req, res, next) => {
    res.set({
      'Content-Security-Policy': policy,
      // 'no-referrer' would turn the Origin header of our own forms into 'null'.
      'Referrer-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
    })
    next()
  }
}
