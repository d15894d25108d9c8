import type { IncomingMessage } from 'node:http'
import type { Mount } from '../context.ts'
import { readCookies } from '../cookies.ts'
import type { EventFacts } from '../events.ts'
import { cookieNames, pathOnly, shapesOf } from '../mask.ts'
import { originalUrlOf } from '../navigation.ts'

/** What came back from the provider, as events may tell it. */
export function callbackFacts(
  req: IncomingMessage,
  { config }: Mount,
  params: URLSearchParams,
): EventFacts {
  return {
    responseMode: config.responseMode,
    path: pathOnly(originalUrlOf(req)),
    parameters: shapesOf(params),
    requestCookies: cookieNames(readCookies(req)),
  }
}
