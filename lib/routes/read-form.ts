import type { IncomingMessage } from 'node:http'
import getRawBody from 'raw-body'
import { OAuthError } from '../errors.ts'

const maxBytes = 64 * 1024

const malformed = (detail: string) =>
  new OAuthError('ERR_CALLBACK_INVALID', { detail: `callback: ${detail}` })

/** The fields of a posted form, whether or not a body parser of the app has read them already. */
export async function readForm(
  req: IncomingMessage & { body?: unknown },
): Promise<URLSearchParams> {
  const type = req.headers['content-type'] ?? ''
  if (!type.startsWith('application/x-www-form-urlencoded')) {
    throw malformed('the body is not application/x-www-form-urlencoded')
  }
  if (typeof req.body === 'object' && req.body !== null && !Buffer.isBuffer(req.body)) {
    return fromParsed(req.body)
  }
  try {
    return new URLSearchParams(await getRawBody(req, { limit: maxBytes, encoding: 'utf8' }))
  } catch (error) {
    throw malformed(`the body could not be read [${(error as { type?: string }).type ?? 'error'}]`)
  }
}

/** Parsers make lists of repeated fields; they stay repeated, so that the checks see them. */
function fromParsed(body: object): URLSearchParams {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(body)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one !== 'string') throw malformed(`the field ${name.slice(0, 40)} is not a text`)
      params.append(name, one)
    }
  }
  return params
}
