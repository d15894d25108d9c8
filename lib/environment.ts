/** Where options come from that the app leaves out. */
export const environment = {
  issuer: 'OAUTH_ISSUER',
  clientId: 'OAUTH_CLIENT_ID',
  clientSecret: 'OAUTH_CLIENT_SECRET',
  baseUrl: 'OAUTH_BASE_URL',
  secret: 'OAUTH_SECRET',
} as const

/** `options` with what the environment adds to them. */
export function fromEnvironment(
  options: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result = { ...options }
  for (const [option, variable] of Object.entries(environment)) {
    if (option === 'issuer' && result['server'] !== undefined) continue
    result[option] ??= process.env[variable] || undefined
  }
  return result
}

/** Whether what helps a developer may be shown to whoever looks. */
export const isProduction = (): boolean => process.env['NODE_ENV'] === 'production'
