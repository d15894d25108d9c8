import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { adviceFor } from '../../lib/error-advice.ts'
import { errorCodes, OAuthError, publicMessage } from '../../lib/errors.ts'
import { warningCodes } from '../../lib/warnings.ts'

const root = new URL('../../', import.meta.url)
const document = readFileSync(new URL('docs/errors.md', root), 'utf8')

/** What stands under each heading that is a code. */
const sections = new Map(
  document
    .split(/^(?=#+ )/m)
    .map((text) => [/^#+ ((?:ERR|WARN)_\w+)$/m.exec(text)?.[1] ?? '', text] as const)
    .filter(([code]) => code !== ''),
)
const headings = [...document.matchAll(/^#+ ((?:ERR|WARN)_\w+)$/gm)].map(([, code = '']) => code)

/** Text as it reads, without the marks of Markdown. */
const plain = (text = '') => text.replaceAll('`', '').replaceAll(/\s+/g, ' ')

describe('the headings', () => {
  it('are the error codes, each once', () => {
    const documented = headings.filter((code) => code.startsWith('ERR_'))
    expect(documented.toSorted()).toEqual([...errorCodes].toSorted())
  })

  it('are the warnings, those that are only events among them, each once', () => {
    const folder = fileURLToPath(new URL('lib', root))
    const sources = readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
    const mentioned = sources.flatMap((source) => [...source.matchAll(/\bWARN_[A-Z_]+\b/g)])
    const given = new Set([...warningCodes, ...mentioned.map(([code]) => code)])
    const documented = headings.filter((code) => code.startsWith('WARN_'))
    expect(documented.toSorted()).toEqual([...given].toSorted())
  })
})

describe('the section of an error', () => {
  it.each(errorCodes)('%s tells its status and what the visitor reads', (code) => {
    const section = sections.get(code) ?? ''
    expect(/\*\*(\d{3})\*\*/.exec(section)?.[1]).toBe(String(new OAuthError(code).status))
    expect(plain(section)).toContain(publicMessage(code))
  })

  it.each(errorCodes)('%s tells the same cause and cure as everywhere else', (code) => {
    const section = plain(sections.get(code))
    const { cause, fix, reference } = adviceFor(code)
    for (const text of [cause, fix, reference.label, reference.url]) {
      expect(section).toContain(plain(text))
    }
  })
})

describe('the section of a warning', () => {
  it.each(headings.filter((code) => code.startsWith('WARN_')))(
    '%s tells the cause and what to do',
    (code) => {
      expect(sections.get(code)).toMatch(/\*\*Because:\*\* \S.{20,}\n.*\*\*Do:\*\* \S.{15,}/)
    },
  )
})
