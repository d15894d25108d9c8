import { once } from 'node:events'
import { IncomingMessage, ServerResponse, type RequestListener } from 'node:http'
import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'

export interface DrillReply {
  readonly status: number
  readonly headers: ReturnType<ServerResponse['getHeaders']>
  readonly body: string
}

export interface DrillCall {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The visitor leaves at once after sending. */
  readonly abandoned?: boolean
  /** Called as soon as the head of the answer is on its way, which is when browsers read its cookies. */
  readonly onHead?: (headers: DrillReply['headers']) => void
}

/** A connection that leads nowhere and notes what is written to it. */
class NoConnection extends Duplex {
  readonly remoteAddress = '127.0.0.1'
  readonly #onFirstWrite: () => void
  written = ''

  constructor(onFirstWrite: () => void) {
    super()
    this.#onFirstWrite = onFirstWrite
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.written === '') this.#onFirstWrite()
    this.written += chunk.toString('latin1')
    done()
  }
}

/** One request through Node's own request and response, without a network. */
export async function callListener(
  listener: RequestListener,
  { abandoned, headers, method, onHead, url }: DrillCall,
): Promise<DrillReply> {
  const connection = new NoConnection(() => onHead?.(res.getHeaders()))
  const socket = connection as unknown as Socket
  const req = new IncomingMessage(socket)
  Object.assign(req, { method, url, httpVersionMajor: 1, httpVersionMinor: 0, httpVersion: '1.0' })
  Object.assign(req.headers, { host: '127.0.0.1', ...headers })
  req.push(null)
  const res: ServerResponse = new ServerResponse(req)
  res.assignSocket(socket)
  const finished = once(res, 'finish')
  listener(req, res)
  if (abandoned) req.emit('aborted')
  await finished
  const [, body = ''] = connection.written.split(/\r\n\r\n(.*)/s)
  return { status: res.statusCode, headers: res.getHeaders(), body }
}
