import type { IncomingMessage, ServerResponse } from 'node:http'

/** The `next` of Express and Connect. */
export type Next = (error?: unknown) => void

/** A `(req, res, next)` function over `node:http` types: fits Express 4 and 5, Connect and plain `http`. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void

/** Verified claims about the person; `sub` is always there. */
export interface UserClaims {
  readonly sub: string
  readonly name?: string
  readonly email?: string
  readonly [claim: string]: unknown
}

/** Which access token is asked for, when it is not the one of the login. */
export interface TokenRequest {
  /** The resource server's identifier (RFC 8707). */
  readonly resource?: string
  /** A narrower scope, space-separated or as a list (RFC 6749 section 6). */
  readonly scope?: string | readonly string[]
}

export interface AccessTokenOptions extends TokenRequest {
  /** Seconds that the token must still be valid. @default 0 */
  readonly minTtl?: number
  /** Refresh even though the token looks valid. @default false */
  readonly force?: boolean
}

/** `req.auth` of a signed-in visitor. Serialising or logging it shows a redacted value. */
export interface Auth<Claims extends UserClaims = UserClaims> {
  /** Verified claims of the ID token and, where asked for, of userinfo. */
  readonly user: Claims
  /** Valid when the handler starts; `undefined` when there is none at the moment. */
  readonly accessToken: string | undefined
  /** `bearer`, as the provider named it, in lower case. */
  readonly tokenType: string | undefined
  /** Milliseconds since the epoch; `undefined` when the provider did not say. */
  readonly expiresAt: number | undefined
  /** Granted scope. */
  readonly scope: readonly string[]
  /** The raw ID token of the login or the newest refresh. */
  readonly idToken: string | undefined
  /** The issuer that vouches for the person, or the host of a plain OAuth 2.0 server. */
  readonly provider: string
  /**
   * A valid access token, refreshed first when need be.
   *
   * @throws {OAuthError} `ERR_LOGIN_EXPIRED` (sign in again) or `ERR_TOKEN_REFRESH_FAILED` (try later).
   */
  getAccessToken(options?: AccessTokenOptions): Promise<string>
  /**
   * `fetch` with the access token, fresh, and one retry after a 401 with a token refreshed in between.
   *
   * @example
   * const answer = await req.auth.fetch('https://photos.example.com/v1/albums')
   */
  fetch(url: string | URL, init?: RequestInit & TokenRequest): Promise<Response>
}

declare global {
  // The namespace is how Express' own types take additions to its request.
  namespace Express {
    interface Request {
      /** The signed-in visitor; `undefined` for everybody else. */
      auth?: Auth
    }
  }
}
