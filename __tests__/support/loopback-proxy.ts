import { once } from 'node:events'
import { createServer, request as httpRequest, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Answer } from './faults.ts'
import type { Ask } from './front.ts'

/** Hop-by-hop headers (RFC 9110 section 7.6.1), and the length, which is counted anew. */
const notForwarded = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding'])

/** Puts a listener on its own hidden port, so that a front can stand before it. */
export async function hideBehind(listener: RequestListener): Promise<{
  readonly serve: (ask: Ask) => Promise<Answer>
  readonly close: () => void
}> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    serve: (ask) => forward(ask, port),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function forward(ask: Ask, port: number): Promise<Answer> {
  const headers = { ...ask.headers }
  delete headers['transfer-encoding']
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    method: ask.method,
    path: ask.url.pathname + ask.url.search,
    headers,
    agent: false,
  })
  request.end(ask.body)
  const [response] = await once(request, 'response')
  return {
    status: response.statusCode,
    headers: Object.fromEntries(
      Object.entries(response.headers as Record<string, string | string[]>).filter(
        ([name]) => !notForwarded.has(name),
      ),
    ),
    body: await text(response),
  }
}
