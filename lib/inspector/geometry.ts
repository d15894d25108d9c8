import type { Actor } from './story.ts'

/** A layout of the diagram: one for wide windows, one for narrow ones. */
export interface Geometry {
  readonly name: 'wide' | 'narrow'
  /** From the arrow down to the first line of details. */
  readonly drop: number
  readonly width: number
  /** Height of the row of participants. */
  readonly headHeight: number
  /** Distance of two lifelines. */
  readonly gap: number
  readonly x: (actor: Actor) => number
  /** Where the words of an arrow between two lifelines stand. */
  readonly words: (from: Actor, to: Actor) => { readonly x: number; readonly width: number }
}

const wideGap = 280
const wideGutter = 92
const narrowWidth = 400

export function wideGeometry(actors: readonly Actor[]): Geometry {
  const x = (actor: Actor) => wideGutter + (actors.indexOf(actor) + 0.5) * wideGap
  return {
    name: 'wide',
    drop: 20,
    width: wideGutter + actors.length * wideGap,
    headHeight: 76,
    gap: wideGap,
    x,
    words(from, to) {
      const left = Math.min(x(from), x(to))
      return { x: left + 18, width: Math.max(Math.abs(x(from) - x(to)), wideGap) - 34 }
    },
  }
}

export function narrowGeometry(actors: readonly Actor[]): Geometry {
  const gap = (narrowWidth - 88) / Math.max(1, actors.length - 1)
  return {
    name: 'narrow',
    drop: 28,
    width: narrowWidth,
    headHeight: 64,
    gap,
    x: (actor) => 44 + actors.indexOf(actor) * gap,
    words: () => ({ x: 10, width: narrowWidth - 20 }),
  }
}

/** Widths of a character in units of the font size, generous enough for most fonts. */
const characterWidth = { mono: 0.61, sans: 0.57, bold: 0.6 } as const
export type Face = keyof typeof characterWidth

/** Breaks a text into lines that fit, since SVG does not; what has no spaces is cut. */
export function wrap(text: string, width: number, size: number, face: Face): string[] {
  const limit = Math.max(8, Math.floor(width / (size * characterWidth[face])))
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/).flatMap((one) => cut(one, limit))) {
    if (line && line.length + 1 + word.length > limit) {
      lines.push(line)
      line = ''
    }
    line += line ? ` ${word}` : word
  }
  return line ? [...lines, line] : lines
}

function cut(word: string, limit: number): string[] {
  const pieces: string[] = []
  for (let start = 0; start < word.length; start += limit) {
    pieces.push(word.slice(start, start + limit))
  }
  return pieces
}

/** A text of one line that ends with an ellipsis where it would not fit. */
export function clip(text: string, width: number, size: number, face: Face): string {
  const limit = Math.max(4, Math.floor(width / (size * characterWidth[face])))
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`
}
