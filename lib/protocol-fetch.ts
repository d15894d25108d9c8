import type { Metadata } from './provider-metadata.ts'
import type { ProviderFetch } from './provider-http.ts'
import { normaliseTokenResponse, withoutEcho } from './token-response.ts'

interface ProtocolOptions {
  /** A server without OpenID Connect. */
  readonly plain: boolean
  /** Rejects for a signed userinfo answer that is not to be believed. */
  readonly checkUserinfo: (token: string) => Promise<void>
}

/** What the protocol library fetches with: our bounded fetch, and answers as it can read them. */
export function protocolFetch(
  http: ProviderFetch,
  metadata: Metadata,
  { plain, checkUserinfo }: ProtocolOptions,
): (url: string, init: object & { readonly body?: unknown }) => Promise<Response> {
  return async (url, init) => {
    const response = await http(url, init as Parameters<ProviderFetch>[1])
    if (url === metadata.userinfo_endpoint) {
      const isToken = response.headers.get('content-type')?.includes('application/jwt')
      if (isToken) await checkUserinfo(await response.clone().text())
      return response
    }
    if (!(init.body instanceof URLSearchParams)) return response
    const grantType = init.body.get('grant_type')
    const answer =
      url === metadata.token_endpoint
        ? await normaliseTokenResponse(response, { grantType, plain })
        : response
    return answer.ok ? answer : withoutEcho(answer, init.body)
  }
}
