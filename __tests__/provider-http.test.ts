import { createSign, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import { createProviderFetch, ProviderHttpError, reasonOf } from '../lib/provider-http.ts'
import { closeAfterEach } from './support/cleanups.ts'

const closing = closeAfterEach()
const mebibyte = 1024 * 1024

async function listen(server: Server & { closeAllConnections?(): void }): Promise<number> {
  closing({
    close() {
      server.close()
      server.closeAllConnections?.()
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A provider on loopback that counts its requests. */
async function startServer(answer: RequestListener) {
  const seen: string[] = []
  const port = await listen(
    createServer((req, res) => {
      seen.push(`${req.method} ${req.url}`)
      answer(req, res)
    }),
  )
  return { seen, url: `http://127.0.0.1:${port}/token` }
}

const patient = createProviderFetch(undefined, 10)
const impatient = createProviderFetch(undefined, 0.5)

async function failureOf(answer: Promise<unknown>): Promise<ProviderHttpError> {
  const error: unknown = await answer.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof ProviderHttpError) return error
  throw new Error('expected a ProviderHttpError', { cause: error })
}

describe('an answer of the provider', () => {
  it('comes with its status, headers and body', async () => {
    const { url } = await startServer((_req, res) => {
      res.writeHead(418, 'Teapot', { 'content-type': 'application/json', 'x-more': 'yes' })
      res.end('{"a":1}')
    })
    const answer = await patient(url)
    expect(answer).toMatchObject({ status: 418, statusText: 'Teapot' })
    expect(answer.headers.get('x-more')).toBe('yes')
    expect(await answer.json()).toEqual({ a: 1 })
  })

  it('is unpacked, and no longer says that it is packed', async () => {
    const { url } = await startServer((_req, res) => {
      res.setHeader('content-encoding', 'gzip')
      res.end(gzipSync('{"a":1}'))
    })
    const answer = await patient(url)
    expect(answer.headers.get('content-encoding')).toBeNull()
    expect(answer.headers.get('content-length')).toBeNull()
    expect(await answer.text()).toBe('{"a":1}')
  })

  it.each([204, 205, 304])('with status %d has no body', async (status) => {
    const { url } = await startServer((_req, res) => void res.writeHead(status).end())
    const answer = await patient(url)
    expect([answer.status, await answer.text()]).toEqual([status, ''])
  })

  it.each([301, 302, 303, 307, 308])('with status %d is not followed', async (status) => {
    const { seen, url } = await startServer((_req, res) => {
      res.writeHead(status, { location: '/elsewhere' }).end('moved')
    })
    const answer = await patient(url, { method: 'POST', body: 'code=x' })
    expect(answer.status).toBe(status)
    expect(seen).toEqual(['POST /token'])
  })

  it('is shown to whoever wants to see its headers', async () => {
    const { url } = await startServer((_req, res) => void res.end('{}'))
    const dates: (string | null)[] = []
    const watched = createProviderFetch(undefined, 10, ({ headers }) => {
      dates.push(headers.get('date'))
    })
    await watched(url)
    expect(dates).toEqual([expect.stringMatching(/GMT$/)])
  })

  it('may be a whole mebibyte, and not a byte more', async () => {
    const { url } = await startServer((req, res) => {
      res.end(Buffer.alloc(mebibyte + (req.method === 'POST' ? 1 : 0)))
    })
    expect((await (await patient(url)).arrayBuffer()).byteLength).toBe(mebibyte)
    const failure = await failureOf(patient(url, { method: 'POST' }))
    expect(failure).toMatchObject({ fault: 'too-large', reason: 'more than 1048576 bytes' })
  })

  it('is cut off when it never ends', async () => {
    const { url } = await startServer((_req, res) => {
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(65_536)));
      }
      res.on('drain', more)
      more()
    })
    expect(await failureOf(patient(url))).toMatchObject({ fault: 'too-large' })
  })

  it('is cut off when little of it unpacks to a lot', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * mebibyte))
    expect(bomb.byteLength).toBeLessThan(mebibyte / 8)
    const { url } = await startServer((_req, res) => {
      res.setHeader('content-encoding', 'gzip')
      res.end(bomb)
    })
    expect(await failureOf(patient(url))).toMatchObject({ fault: 'too-large' })
  })
})

describe('a provider that takes too long', () => {
  const timeout = { fault: 'timeout', reason: 'no answer within 0.5 s' }

  it('is given up while its headers are awaited', async () => {
    const { seen, url } = await startServer(() => {})
    expect(await failureOf(impatient(url))).toMatchObject(timeout)
    expect(seen).toEqual(['GET /token'])
  })

  it('is given up while its body stalls', async () => {
    const { seen, url } = await startServer((_req, res) => {
      res.writeHead(200, { 'content-length': '1000' })
      res.write('{"access_token":')
    })
    expect(await failureOf(impatient(url))).toMatchObject(timeout)
    expect(seen).toEqual(['GET /token'])
  })

  it('is given up while its body drips', async () => {
    const { url } = await startServer((_req, res) => {
      const drip = setInterval(() => res.write(' '), 20)
      res.once('close', () => clearInterval(drip))
    })
    expect(await failureOf(impatient(url))).toMatchObject(timeout)
  })

  it("is given up even when the app's own fetch knows nothing of signals", async () => {
    const deaf = createProviderFetch(() => new Promise(() => {}), 0.05)
    const failure = await failureOf(deaf('http://127.0.0.1/token'))
    expect(failure).toMatchObject({ fault: 'timeout' })
  })
})

describe('a connection that breaks', () => {
  const cutting = (times: number) => {
    let left = times
    return startServer((req, res) => {
      left -= 1
      if (left >= 0) req.socket.destroy()
      else res.end('fine')
    })
  }

  it('is tried once more for a read', async () => {
    const { seen, url } = await cutting(1)
    expect(await (await patient(url)).text()).toBe('fine')
    expect(seen).toHaveLength(2)
  })

  it('is not tried a third time', async () => {
    const { seen, url } = await cutting(2)
    expect(await failureOf(patient(url))).toMatchObject({ fault: 'unreachable' })
    expect(seen).toHaveLength(2)
  })

  it('is never tried again for a write, because a code or refresh token may be spent', async () => {
    const { seen, url } = await cutting(1)
    const failure = await failureOf(patient(url, { method: 'POST', body: 'refresh_token=x' }))
    expect(failure).toMatchObject({ fault: 'unreachable' })
    expect(seen).toEqual(['POST /token'])
  })

  it('is never tried again with an access token', async () => {
    const { seen, url } = await cutting(1)
    await failureOf(patient(url, { headers: { authorization: 'Bearer x' } }))
    expect(seen).toHaveLength(1)
  })

  it('in the middle of the body counts as one', async () => {
    const { seen, url } = await startServer((req, res) => {
      res.writeHead(200, { 'content-length': '1000' })
      res.write('{"access_token":', () => req.socket.destroy())
    })
    expect(await failureOf(patient(url))).toMatchObject({ fault: 'unreachable' })
    expect(seen).toHaveLength(2)
  })

  it('says why: nobody listens', async () => {
    const server = createServer()
    const port = await listen(server)
    server.close()
    await once(server, 'close')
    const failure = await failureOf(patient(`http://127.0.0.1:${port}/token?code=hush`))
    expect(failure).toMatchObject({
      fault: 'unreachable',
      reason: 'ECONNREFUSED',
      message: `http://127.0.0.1:${port}/token: ECONNREFUSED`,
    })
  })

  it('says why: nobody vouches for the certificate', async () => {
    const server = createTlsServer(selfSigned(), (_req, res) => res.end('fine'))
    const port = await listen(server)
    const failure = await failureOf(patient(`https://127.0.0.1:${port}/token`))
    expect(failure).toMatchObject({
      fault: 'unreachable',
      reason: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    })
  })

  it('says why: the other end does not speak TLS', async () => {
    const { url } = await startServer((_req, res) => void res.end())
    const failure = await failureOf(patient(url.replace('http:', 'https:')))
    expect(failure.reason).toMatch(/SSL|EPROTO|TLS/)
  })
})

describe("the app's own fetch", () => {
  it('is used, with the deadline and without redirects', async () => {
    const calls: unknown[] = []
    const own = createProviderFetch(async (...call) => {
      calls.push(call)
      return new Response('fine')
    }, 10)
    expect(await (await own('https://idp.example.com/keys', { method: 'GET' })).text()).toBe('fine')
    expect(calls).toEqual([
      [
        'https://idp.example.com/keys',
        { method: 'GET', redirect: 'manual', signal: expect.any(AbortSignal) },
      ],
    ])
  })

  it('that throws is a provider that cannot be reached', async () => {
    const broken = createProviderFetch(() => {
      throw Object.assign(new Error('proxy'), { code: 'EPROXY' })
    }, 10)
    expect(await failureOf(broken('https://idp.example.com/keys'))).toMatchObject({
      fault: 'unreachable',
      reason: 'EPROXY',
    })
  })
})

describe('reasonOf', () => {
  const circular = new Error('round and round')
  circular.cause = circular

  it.each<[unknown, string]>([
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'ECONNRESET'],
    [new Error('x', { cause: { cause: { code: 'EHOSTUNREACH' } } }), 'EHOSTUNREACH'],
    [
      new Error('x', { cause: { errors: [{ code: 'ECONNREFUSED' }, { code: 'X' }] } }),
      'ECONNREFUSED',
    ],
    [new RangeError('x'), 'RangeError'],
    [circular, 'Error'],
    ['a text', 'unknown reason'],
    [undefined, 'unknown reason'],
    [null, 'unknown reason'],
  ])('(%#) finds the code that tells most', (error, expected) => {
    expect(reasonOf(error)).toBe(expected)
  })
})

/** One element of DER: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const { length } = body
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}

/** The smallest certificate that is one (X.509 version 1), made anew so that no key is kept anywhere. */
function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = der(0x30, der(6, Buffer.from('2a8648ce3d040302', 'hex')))
  const commonName = der(0x30, der(6, Buffer.from('550403', 'hex')), der(12, Buffer.from('idp')))
  const name = der(0x30, der(0x31, commonName))
  const validity = der(
    0x30,
    der(0x17, Buffer.from('200101000000Z')),
    der(0x17, Buffer.from('491231235959Z')),
  )
  const subjectKey = publicKey.export({ format: 'der', type: 'spki' })
  const content = der(0x30, der(2, Buffer.from([1])), algorithm, name, validity, name, subjectKey)
  const signature = createSign('sha256').update(content).sign(privateKey)
  const certificate = der(0x30, content, algorithm, der(3, Buffer.from([0]), signature))
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`,
  }
}
