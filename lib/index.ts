export { errorHandler } from './error-handler.ts'
export { errorCodes, isOAuthError, OAuthError, type ErrorCode } from './errors.ts'
export { eventNames, type EventFacts, type EventName, type FlowEvent } from './events.ts'
export { oauth, type OAuthMiddleware } from './oauth.ts'
export { requireAuth, type ClaimCondition, type RequireAuthOptions } from './require-auth.ts'
export { memoryStore, type MemoryStoreOptions } from './stores/memory.ts'
export { sessionStore, type SessionStoreOptions } from './stores/session-store.ts'
export type {
  AuthorizationParams,
  LoginDetails,
  OAuthOptions,
  OnError,
  OnLogin,
  OnLogout,
} from './options.ts'
export type {
  ClaimResult,
  ReplaceResult,
  StoredTokenSet,
  TokenStore,
} from './tokens/token-store.ts'
export type {
  AccessTokenOptions,
  Auth,
  Middleware,
  Next,
  TokenRequest,
  UserClaims,
} from './types.ts'
