import { once } from 'node:events'
import { connect } from 'node:net'

/** One kept connection on which many requests are sent before their answers are read. */
export interface Pipeline {
  /** Sends the requests, each a whole HTTP message, and resolves with their statuses in order. */
  send(requests: readonly string[]): Promise<number[]>
  close(): void
}

const statusLine = /HTTP\/1\.1 (\d{3}) /g
const lengthOfCutLine = 'HTTP/1.1 200'.length

/**
 * HTTP as it goes over the wire, as fast as a loop can write it. Only statuses are read, so the
 * answers must not contain something that looks like a status line.
 */
export async function openPipeline(port: number): Promise<Pipeline> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.setEncoding('latin1')
  let onStatus: (status: number) => void = () => {}
  let onEnd: (error: Error) => void = () => {}
  let rest = ''

  socket.on('data', (chunk: string) => {
    const text = rest + chunk
    const found = [...text.matchAll(statusLine)]
    const last = found.at(-1)
    // A status line may be cut in two between this chunk and the next one.
    rest = text.slice(
      Math.max(last ? last.index + last[0].length : 0, text.length - lengthOfCutLine),
    )
    for (const [, status] of found) onStatus(Number(status))
  })
  socket.on('error', (error) => onEnd(error))
  socket.on('close', () => onEnd(new Error('the server has closed the connection')))

  return {
    send: (requests) =>
      new Promise((resolve, reject) => {
        const statuses: number[] = []
        onEnd = reject
        onStatus = (status) => {
          statuses.push(status)
          if (statuses.length === requests.length) resolve(statuses)
        }
        socket.write(requests.join(''), 'latin1')
      }),
    close: () => socket.destroy(),
  }
}
