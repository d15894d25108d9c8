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
export class RequestContext {
  readonly mount: Mount
  readonly auth: Auth | undefined
  /** Why nobody can say at the moment who is signed in. */
  readonly outage: OAuthError | undefined
  /** Path by which the middleware was mounted, as Express and Connect cut it from `req.url`. */
  readonly mountPath: string

  constructor(
    mount: Mount,
    auth: Auth | undefined,
    outage: OAuthError | undefined,
    mountPath: string,
  ) {
    this.mount = mount
    this.auth = auth
    this.outage = outage
    this.mountPath = mountPath
  }
}

/** Hands back the object that it is given, so that a subclass adds its private field to that one. */
// oxlint-disable-next-line no-extraneous-class -- a constructor is what a subclass needs
class Given {
  constructor(object: object) {
    // oxlint-disable-next-line no-constructor-return -- the one way to a private field of another object
    return object
  }
}

/**
 * The context as a private field of the request, which nothing that prints the request shows. In a
 * WeakMap every request would live until the next full garbage collection, and that costs more than
 * all else that is done for it.
 */
class KnownRequest extends Given {
  #context: RequestContext

  constructor(req: IncomingMessage, context: RequestContext) {
    super(req)
    this.#context = context
  }

  static set(req: IncomingMessage, context: RequestContext): void {
    if (#context in req) req.#context = context
    else void new KnownRequest(req, context)
  }

  static contextOf(req: IncomingMessage): RequestContext | undefined {
    return #context in req ? req.#context : undefined
  }
}

export const setContext = (req: IncomingMessage, context: RequestContext): void =>
  KnownRequest.set(req, context)

export const contextOf = (req: IncomingMessage): RequestContext | undefined =>
  KnownRequest.contextOf(req)
