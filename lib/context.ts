import type { IncomingMessage } from 'node:http'
import type { Config } from './options.ts'
import type { OAuthError } from './errors.ts'
import type { LoginLoop } from './login-loop.ts'
import type { Provider } from './provider.ts'
import type { Sessions } from './session.ts'
import type { TokenSet } from './tokens/token-set.ts'
import type { TokenVault } from './tokens/token-vault.ts'
import type { Transactions } from './transaction.ts'
import type { AccessTokenOptions, Auth } from './types.ts'

/** Everything that one `oauth()` knows; made once. */
export interface Mount {
  readonly config: Config
  readonly provider: Provider
  readonly sessions: Sessions
  readonly transactions: Transactions
  readonly loginLoop: LoginLoop
  readonly urls: MountUrls
  /** Token sets need a store, and the default one is known with the first session. */
  tokens(req: IncomingMessage): Tokens
}

/** Keeps the tokens of every login fresh: one refresh per version, here and across processes. */
export interface Refresher {
  /** The token set with a token that serves `request`; refreshed first when need be. */
  fresh(id: string, tokenSet: TokenSet, request: AccessTokenOptions): Promise<TokenSet>
  /** Starts a refresh behind the request when the token is about to expire. */
  refreshSoon(id: string, tokenSet: TokenSet): void
  /** The failure that is being waited out, if any. */
  failure(id: string): OAuthError | undefined
}

export interface Tokens {
  readonly vault: TokenVault
  readonly refresher: Refresher
}

export interface MountUrls {
  readonly origin: string
  /** Public path of the mount without a slash at its end. */
  readonly basePath: string
  readonly redirectUri: string
  readonly login: string
  readonly logout: string
  /** Public paths of our routes, which nobody is sent back to after a login. */
  readonly own: ReadonlySet<string>
}

/** What is known about one request. */
export interface RequestContext {
  readonly mount: Mount
  readonly auth: Auth | undefined
  /** Why nobody can say at the moment who is signed in. */
  readonly outage: OAuthError | undefined
  /** Path by which the middleware was mounted, as Express and Connect cut it from `req.url`. */
  readonly mountPath: string
}

const contexts = new WeakMap<IncomingMessage, RequestContext>()

export const setContext = (req: IncomingMessage, context: RequestContext): void => {
  contexts.set(req, context)
}

export const contextOf = (req: IncomingMessage): RequestContext | undefined => contexts.get(req)
