let mountPath: (() => string | undefined) | undefined

/**
 * Tells where the flow inspector of this process can be opened, or that there is none any more.
 *
 * @internal
 */
export function setInspector(path: (() => string | undefined) | undefined): void {
  mountPath = path
}

/**
 * Path of the page that shows a flow; `undefined` without an inspector or while nobody knows where
 * it is mounted.
 *
 * @internal
 */
export function inspectorUrl(flow: string): string | undefined {
  const path = mountPath?.()
  return path === undefined ? undefined : `${path}/flows/${encodeURIComponent(flow)}`
}
