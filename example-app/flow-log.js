// @ts-check
import { subscribe } from 'node:diagnostics_channel'
import { eventNames } from 'express-oauth-client'

/**
 * Tells every step that the middleware takes, one line each. Its events never hold a token.
 *
 * @param {(line: string) => void} tell
 */
export function followFlows(tell) {
  for (const name of eventNames) {
    subscribe(`express-oauth-client:${name}`, (message) => {
      const { flow, duration, error } = /** @type {import('express-oauth-client').FlowEvent} */ (
        message
      )
      const time = new Date().toLocaleTimeString('en-GB')
      const took = duration === undefined ? '' : ` ${Math.round(duration)} ms`
      tell(`  ${time}  ${flow.slice(0, 6).padEnd(6)}  ${name}${took}${error ? ` ${error}` : ''}`)
    })
  }
}
