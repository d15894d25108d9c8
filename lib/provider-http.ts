import { emit, millisecondsSince, newCall } from './events.ts'

/** Why an HTTP exchange with the provider gave nothing to work with. */
export type HttpFault = 'timeout' | 'unreachable' | 'too-large'

/** What goes wrong below the protocol; told apart by `fault`, and free of URLs' queries and bodies. */
export class ProviderHttpError extends Error {
  readonly fault: HttpFault
  /** A code of Node or undici such as `ECONNREFUSED` or `SELF_SIGNED_CERT_IN_CHAIN`. */
  readonly reason: string

  constructor(fault: HttpFault, reason: string, url: URL) {
    super(`${url.origin}${url.pathname}: ${reason}`)
    this.name = 'ProviderHttpError'
    this.fault = fault
    this.reason = reason
  }
}

type FetchOptions = Parameters<typeof globalThis.fetch>[1]
export type ProviderFetch = (url: string, init?: FetchOptions) => Promise<Response>

/** Metadata and keys of the largest federations stay far below this. */
const maxBodyBytes = 1024 * 1024
const attemptsOfReads = 2
const maxCauses = 8

/**
 * `fetch` for talking to the provider: a deadline that covers the body too, a bound on its size
 * (after decompression), no redirects, and a second try for reads only, because repeating a token
 * request could spend a code or a refresh token twice.
 *
 * @param timeout Seconds.
 */
export function createProviderFetch(
  fetch: typeof globalThis.fetch | undefined,
  timeout: number,
  onAnswer: (response: Response) => void = () => {},
): ProviderFetch {
  const once = async (url: string, init: FetchOptions, attempt: number): Promise<Response> => {
    const target = new URL(url)
    const told = tellCall(target, init, attempt)
    const signal = AbortSignal.timeout(timeout * 1000)
    const exchange = async () => {
      const options = { ...init, redirect: 'manual' as const, signal }
      const response = await (fetch ?? globalThis.fetch)(url, options)
      onAnswer(response)
      return buffered(response, target)
    }
    try {
      // The app's own fetch may not know about signals.
      const answer = await Promise.race([exchange(), aborted(signal)])
      told.completed(answer.status)
      return answer
    } catch (error) {
      const failure = toHttpError(error, signal, target, timeout)
      told.failed(failure)
      throw failure
    }
  }

  return async (url, init) => {
    const reads = (init?.method ?? 'GET') === 'GET' && !hasAuthorization(init)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await once(url, init, attempt)
      } catch (error) {
        const fault = error instanceof ProviderHttpError ? error.fault : undefined
        if (!reads || fault !== 'unreachable' || attempt >= attemptsOfReads) throw error
      }
    }
  }
}

/** The events of one call; of its address they have what is no secret. */
function tellCall({ origin, pathname: path }: URL, init: FetchOptions, attempt: number) {
  const call = newCall('provider')
  const started = performance.now()
  const facts = { method: init?.method ?? 'GET', origin, path, attempt }
  emit('provider.requested', call, () => ({ facts }))
  return {
    completed(status: number) {
      emit('provider.completed', call, () => ({
        duration: millisecondsSince(started),
        facts: { ...facts, status },
      }))
    },
    failed({ fault, reason }: ProviderHttpError) {
      emit('provider.failed', call, () => ({
        duration: millisecondsSince(started),
        facts: { ...facts, fault, detail: reason },
      }))
    },
  }
}

function hasAuthorization(init: FetchOptions): boolean {
  return new Headers(init?.headers).has('authorization')
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

async function buffered(response: Response, url: URL): Promise<Response> {
  if (!response.body) return response
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > maxBodyBytes) {
      throw new ProviderHttpError('too-large', `more than ${maxBodyBytes} bytes`, url)
    }
    chunks.push(chunk)
  }
  const { status, statusText } = response
  // The body is decoded by now; announcing its encoding or length again would be untrue.
  const headers = new Headers(response.headers)
  headers.delete('content-encoding')
  headers.delete('content-length')
  return new Response(Buffer.concat(chunks), { status, statusText, headers })
}

function toHttpError(
  error: unknown,
  signal: AbortSignal,
  url: URL,
  timeout: number,
): ProviderHttpError {
  if (error instanceof ProviderHttpError) return error
  if (signal.aborted) return new ProviderHttpError('timeout', `no answer within ${timeout} s`, url)
  return new ProviderHttpError('unreachable', reasonOf(error), url)
}

/** The first code in the chain of causes, which is where undici puts what the socket said. */
export function reasonOf(error: unknown): string {
  let name = 'unknown reason'
  let one = error
  for (let depth = 0; depth < maxCauses && typeof one === 'object' && one !== null; depth += 1) {
    const {
      code,
      cause,
      errors,
      name: own,
    } = one as {
      code?: unknown
      cause?: unknown
      errors?: unknown[]
      name?: unknown
    }
    if (typeof code === 'string') return code
    if (typeof own === 'string') name = own
    one = cause ?? errors?.[0]
  }
  return name
}
