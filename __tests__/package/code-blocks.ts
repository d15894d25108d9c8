import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from './packed.ts'

export interface CodeBlock {
  /** `README.md` or `docs/….md` */
  readonly document: string
  /** The line of the document that the code starts on, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
}

export async function listDocuments(): Promise<string[]> {
  const docs = await readdir(join(root, 'docs'), { recursive: true })
  const pages = docs.filter((name) => name.endsWith('.md')).toSorted()
  return ['README.md', ...pages.map((name) => `docs/${name.replaceAll('\\', '/')}`)]
}

/** The TypeScript and JavaScript of a document. */
export async function readCodeBlocks(document: string): Promise<CodeBlock[]> {
  const text = await readFile(join(root, document), 'utf8')
  const blocks = text.matchAll(/^```(ts|typescript|js|javascript|mjs)\b[^\n]*\n(.*?)^```/gms)
  return [...blocks].map(({ index, 1: language = '', 2: code = '' }) => ({
    document,
    line: text.slice(0, index).split('\n').length + 1,
    language,
    code,
  }))
}
