import { afterEach } from '@jest/globals'

/** Collects what a test has opened; the last one opened is closed first, after every test. */
export function closeAfterEach(): <T extends { close(): unknown }>(opened: T) => T {
  const open: Array<{ close(): unknown }> = []
  afterEach(async () => {
    for (const opened of open.splice(0).toReversed()) await opened.close()
  })
  return (opened) => {
    open.push(opened)
    return opened
  }
}
