const maxLength = 2048
// Browsers strip tabs and newlines inside a URL and read a backslash as a slash.
// oxlint-disable-next-line no-control-regex
const treacherous = /[\u0000-\u0020\u007f\\]/

/**
 * The path, query and fragment of `value` if it is an address of our own origin, else `undefined`.
 * Everything is decided on the parsed URL, because that is what a browser will act on.
 *
 * @param forbiddenPaths Paths that must not be returned to, such as those of this package's routes.
 */
export function parseReturnTo(
  value: unknown,
  base: URL,
  forbiddenPaths: ReadonlySet<string>,
): string | undefined {
  if (typeof value !== 'string' || value === '' || value.length > maxLength) return undefined
  if (treacherous.test(value) || !URL.canParse(value, base.href)) return undefined
  // Only '/path' and absolute URLs: 'photos' would depend on where it is read.
  if (!value.startsWith('/') && !/^https?:\/\//i.test(value)) return undefined
  const url = new URL(value, base)
  if (url.origin !== base.origin || url.username || url.password) return undefined
  // '/..//evil.example' is of our origin, but its normalised path is another host's address.
  if (url.pathname.startsWith('//') || forbiddenPaths.has(url.pathname)) return undefined
  return url.pathname + url.search + url.hash
}
