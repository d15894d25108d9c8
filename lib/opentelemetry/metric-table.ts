/** Seconds; the boundaries that the semantic conventions advise for HTTP calls. */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** The same for databases, and one more for what happens in memory. */
const shortSeconds = [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** How long things take, in seconds. */
export const histograms = {
  login: {
    name: 'express_oauth_client.login.duration',
    description: 'From the return of the browser to the end of the login.',
    boundaries: seconds,
  },
  refresh: {
    name: 'express_oauth_client.refresh.duration',
    description: 'Renewals of access tokens, with the wait for other processes.',
    boundaries: seconds,
  },
  logout: {
    name: 'express_oauth_client.logout.duration',
    description: 'Logouts, with the revocation at the provider.',
    boundaries: seconds,
  },
  store: {
    name: 'express_oauth_client.store.duration',
    description: 'Calls to the token store.',
    boundaries: shortSeconds,
  },
  http: {
    name: 'http.client.request.duration',
    description: 'HTTP calls to the provider and to APIs.',
    boundaries: seconds,
  },
} as const

/** What is counted where a duration would say nothing. */
export const counters = {
  starts: {
    name: 'express_oauth_client.login.starts',
    unit: '{login}',
    description: 'Logins that were begun.',
  },
  restarts: {
    name: 'express_oauth_client.login.restarts',
    unit: '{login}',
    description: 'Lost logins that began again by themselves.',
  },
  refusals: {
    name: 'express_oauth_client.guard.refusals',
    unit: '{request}',
    description: 'Requests that requireAuth() let not through.',
  },
  retries: {
    name: 'express_oauth_client.api.retries',
    unit: '{request}',
    description: 'Calls to APIs that were sent again with a renewed token.',
  },
  warnings: {
    name: 'express_oauth_client.warnings',
    unit: '{warning}',
    description: 'Warnings about the deployment.',
  },
} as const

export type HistogramName = keyof typeof histograms
export type CounterName = keyof typeof counters
