import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Outgoing {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly signal?: AbortSignal | undefined
}

const patience = 15_000

/** One request as it is: no redirects, and no headers but these (`fetch` writes its own Sec-Fetch-Mode). */
export async function exchange({ method, url, headers, body, signal }: Outgoing): Promise<Reply> {
  const timeout = AbortSignal.timeout(patience)
  const request = httpRequest(url, {
    method,
    headers,
    agent: false,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  })
  request.end(body)
  const [response] = await once(request, 'response')
  return {
    status: response.statusCode,
    headers: response.headers,
    body: await text(response),
  }
}
