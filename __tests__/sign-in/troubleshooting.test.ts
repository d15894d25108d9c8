import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { errorCodes } from '../../lib/errors.ts'
import { warningCodes } from '../../lib/warnings.ts'

const read = (name: string) =>
  readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8')

describe('docs/troubleshooting.md', () => {
  const page = read('troubleshooting')
  const entries = page.split('\n### ').slice(1)

  test.each(entries.map((entry) => [entry.split('\n')[0] ?? '', entry]))(
    '%s: says what you see, why, and what to do, in this order',
    (_title, entry) => {
      const parts = [...entry.matchAll(/^\*\*(You see|Because|Do)\*\*/gm)].map(([, part]) => part)
      expect(parts).toEqual(['You see', 'Because', 'Do'])
    },
  )

  test('has every code in it that somebody can meet', () => {
    const linked = new Set(
      [...page.matchAll(/\[((?:ERR|WARN)_[A-Z_]+)\]/g)].map(([, code]) => code),
    )
    expect([...errorCodes, ...warningCodes].filter((code) => !linked.has(code))).toEqual([])
  })

  test('links each code to its heading', () => {
    const headings = [...read('errors').matchAll(/^### (\S+)$/gm)].map(([, code]) => code)
    const links = [...page.matchAll(/\[((?:ERR|WARN)_[A-Z_]+)\]\(([^)]+)\)/g)]
    expect(links.length).toBeGreaterThan(errorCodes.length)
    for (const [, code = '', target] of links) {
      expect(target).toBe(`errors.md#${code.toLowerCase()}`)
      expect(headings).toContain(code)
    }
  })
})
