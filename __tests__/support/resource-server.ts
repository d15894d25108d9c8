import { startFront, type Front } from './front.ts'

export interface ResourceServer {
  readonly url: string
  readonly front: Front
  /** How many requests were answered with the data, and how many with 401. */
  readonly accepted: number
  readonly refused: number
  close(): Promise<void>
}

/** An API that answers whose token it was given, and 401 to tokens nobody vouches for. */
export async function startResourceServer(
  accountOf: (accessToken: string) => Promise<string | undefined>,
): Promise<ResourceServer> {
  let accepted = 0
  let refused = 0
  const front = await startFront(async ({ headers, url }) => {
    const token = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
    const account = token === undefined ? undefined : await accountOf(token)
    if (account === undefined) {
      refused += 1
      return {
        status: 401,
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      }
    }
    accepted += 1
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ owner: account, path: url.pathname }),
    }
  })
  return {
    url: front.origin,
    front,
    get accepted() {
      return accepted
    },
    get refused() {
      return refused
    },
    close: () => front.stop(),
  }
}
