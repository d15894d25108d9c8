/** One printable line of bounded length, from text that somebody else wrote. */
export function printable(text: string | undefined, length = 200): string {
  return (text ?? '').replaceAll(/[^\u0020-\u007e]/g, '?').slice(0, length)
}
