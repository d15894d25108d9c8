import type { RequestListener } from 'node:http'
import { callListener, type DrillReply } from './drill-request.ts'

export interface BrowserReply extends DrillReply {
  /** The browser has another session cookie now. */
  readonly renamed: boolean
}

export interface DrillBrowser {
  readonly account: string
  /** Values that the session cookie had before. */
  readonly oldSessions: readonly string[]
  session(): string | undefined
  /** A request as a script or a form of the page makes it. */
  send(app: RequestListener, path: string, options?: SendOptions): Promise<BrowserReply>
}

export interface SendOptions {
  readonly method?: 'GET' | 'POST'
  readonly navigation?: boolean
  readonly abandoned?: boolean
  /** Another session cookie than the current one. */
  readonly session?: string | undefined
  /** Called when the answer gives the browser another session cookie, before its end has come. */
  readonly onRenamed?: () => void
}

export const origin = 'http://127.0.0.1'

const navigationHeaders = {
  accept: 'text/html',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'none',
}
const scriptHeaders = {
  accept: '*/*',
  'sec-fetch-dest': 'empty',
  'sec-fetch-mode': 'cors',
  'sec-fetch-site': 'same-origin',
}

export function createDrillBrowser(account: string): DrillBrowser {
  const cookies = new Map<string, string>()
  const oldSessions: string[] = []

  function keep(setCookie: DrillReply['headers'][string]): boolean {
    const known = cookies.get('session')
    for (const line of [setCookie ?? []].flat().map(String)) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      const before = cookies.get(name)
      if (name === 'session' && before !== undefined && before !== value) oldSessions.push(before)
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    return cookies.get('session') !== known
  }

  return {
    account,
    oldSessions,
    session: () => cookies.get('session'),
    async send(app, path, options = {}) {
      const { method = 'GET', navigation = false, abandoned = false } = options
      const sent = new Map(cookies)
      if (options.session !== undefined) sent.set('session', options.session)
      let renamed = false
      const reply = await callListener(app, {
        method,
        url: path,
        abandoned,
        // Whoever replays an old cookie is not the browser, and has a cookie jar of their own.
        ...(options.session === undefined &&
          !abandoned && {
            onHead: (answered) => {
              renamed = keep(answered['set-cookie'])
              if (renamed) options.onRenamed?.()
            },
          }),
        headers: {
          ...(navigation ? navigationHeaders : scriptHeaders),
          ...(method === 'POST' && { origin }),
          ...(sent.size > 0 && {
            cookie: [...sent].map(([name, value]) => `${name}=${value}`).join('; '),
          }),
        },
      })
      return { ...reply, renamed }
    },
  }
}
