import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createFaultList, type Answer, type FaultList } from './faults.ts'

/** One request, read to its end. */
export interface Ask {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** The fields of an urlencoded body. */
  readonly form: URLSearchParams
}

/** What was asked, with the names of the parameters only. */
export interface RequestRecord {
  readonly method: string
  readonly path: string
  readonly parameters: readonly string[]
  readonly grantType: string | undefined
  /** `undefined` while the answer is on its way, 0 when the connection was cut instead. */
  status: number | undefined
}

export interface Front {
  readonly port: number
  readonly origin: string
  readonly requests: readonly RequestRecord[]
  readonly faults: FaultList
  /** Every code, verifier, token and client secret that went through. */
  readonly secrets: ReadonlySet<string>
  count(path: string, grantType?: string): number
  /** Resolves with the next answered request for `path`. */
  answered(path: string): Promise<RequestRecord>
  stop(): Promise<void>
  start(): Promise<void>
}

const secretNames = new Set([
  'access_token',
  'client_assertion',
  'client_secret',
  'code',
  'code_verifier',
  'id_token',
  'id_token_hint',
  'refresh_token',
  'token',
])

/**
 * An HTTP server that reads each request, writes it down, lets faults happen and hands it to
 * `serve`. It can stop and come back on the same port.
 */
export async function startFront(
  serve: (ask: Ask) => Promise<Answer>,
  { port = 0, host = '127.0.0.1' }: { port?: number; host?: string } = {},
): Promise<Front> {
  const requests: RequestRecord[] = []
  const secrets = new Set<string>()
  const faults = createFaultList()
  const events = new EventEmitter()
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A browser or client that hung up is no failure of the server.
      if (request.destroyed && !request.complete) return
      send(response, {
        status: 500,
        body: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
    })
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ask = await readAsk(request)
    const record = recordOf(ask)
    requests.push(record)
    collectSecrets(secrets, ask.form)
    collectSecrets(secrets, ask.url.searchParams)
    const answer = await faults.apply(record, () => serve(ask))
    if (answer) collectAnswerSecrets(secrets, answer)
    record.status = answer?.status ?? 0
    if (answer) send(response, answer)
    else request.socket.destroy()
    events.emit(record.path, record)
  }

  async function listen(wanted: number): Promise<void> {
    server.listen(wanted, '127.0.0.1')
    await once(server, 'listening')
  }

  await listen(port)
  const bound = (server.address() as AddressInfo).port
  return {
    port: bound,
    origin: `http://${host}:${bound}`,
    requests,
    faults,
    secrets,
    count: (path, grantType) =>
      requests.filter(
        (record) =>
          record.path === path && (grantType === undefined || record.grantType === grantType),
      ).length,
    async answered(path) {
      const [record] = (await once(events, path)) as [RequestRecord]
      return record
    },
    async stop() {
      faults.clear()
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
    start: () => listen(bound),
  }
}

async function readAsk(request: IncomingMessage): Promise<Ask> {
  const body = await text(request)
  const urlencoded = request.headers['content-type']?.startsWith(
    'application/x-www-form-urlencoded',
  )
  return {
    method: request.method ?? 'GET',
    url: new URL(request.url ?? '/', `http://${request.headers.host}`),
    headers: request.headers,
    body,
    form: new URLSearchParams(urlencoded ? body : ''),
  }
}

function recordOf({ method, url, form }: Ask): RequestRecord {
  return {
    method,
    path: url.pathname,
    parameters: [...url.searchParams.keys(), ...form.keys()],
    grantType: form.get('grant_type') ?? undefined,
    status: undefined,
  }
}

function collectSecrets(secrets: Set<string>, entries: Iterable<[string, unknown]>): void {
  for (const [name, value] of entries) {
    if (secretNames.has(name) && typeof value === 'string' && value !== '') secrets.add(value)
  }
}

function collectAnswerSecrets(secrets: Set<string>, { headers, body }: Answer): void {
  const type = headers?.['content-type']
  if (!body || typeof type !== 'string' || !type.includes('json')) return
  const parsed: unknown = JSON.parse(body)
  if (typeof parsed === 'object' && parsed) collectSecrets(secrets, Object.entries(parsed))
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  response.statusCode = status
  // Node's own date does not follow the clock of the tests.
  response.setHeader('date', new Date().toUTCString())
  for (const [name, value] of Object.entries(headers)) {
    if (name !== 'date') response.setHeader(name, value)
  }
  response.end(body)
}
