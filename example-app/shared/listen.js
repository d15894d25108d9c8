// @ts-check
import { createServer } from 'node:http'

/** @typedef {{ name: string, host: string, port: number, variable: string }} Place */

/**
 * Opens a port; the app is put on it once every address is known.
 *
 * @param {Place} place
 */
export async function listen({ name, host, port, variable }) {
  const server = createServer()
  await new Promise((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      reject(new Error(explain(error, name, port, variable), { cause: error }))
    })
    server.listen(port, host)
  })
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://${host}:${address.port}`,
    /** @param {import('node:http').RequestListener} app */
    serve: (app) => void server.on('request', app),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      }),
  }
}

/**
 * @param {NodeJS.ErrnoException} error
 * @param {string} name
 * @param {number} port
 * @param {string} variable
 */
function explain(error, name, port, variable) {
  const reasons = {
    EADDRINUSE: `Port ${port}, which the ${name} wants, is already in use.`,
    EACCES: `This user may not open port ${port} for the ${name}.`,
  }
  const reason =
    reasons[/** @type {keyof typeof reasons} */ (error.code)] ??
    `The ${name} cannot listen on port ${port}: ${error.message}.`
  return `${reason} Choose another one: ${variable}=${port + 1000} npm start (0 takes any free port)`
}
