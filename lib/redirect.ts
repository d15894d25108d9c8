import type { ServerResponse } from 'node:http'
import { forbidStoring } from './error-page.ts'

/** 303: the next request is a GET whatever this one was (RFC 9110 section 15.4.4). */
export function redirect(res: ServerResponse, location: string): void {
  res.statusCode = 303
  forbidStoring(res)
  res.setHeader('Location', location)
  res.setHeader('Referrer-Policy', 'no-referrer')
  res.end()
}
