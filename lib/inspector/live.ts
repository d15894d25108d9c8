import type { ServerResponse } from 'node:http'
import { endOf } from './flow.ts'
import type { Recorder } from './recorder.ts'

/** Browsers that listen; each has one connection, and a developer has few windows. */
const maxListeners = 50
const pause = 120

/** The compression middleware keeps things back unless it is told otherwise. */
type Flushable = ServerResponse & { flush?(): void }

/** News about the recorded flows as Server-Sent Events. */
export interface Live {
  /** Tells about one flow, or about all of them; `false` when too many listen already. */
  open(res: ServerResponse, flowId: string | undefined): boolean
  close(): void
}

export function createLive(recorder: Recorder): Live {
  const open = new Set<() => void>()

  return {
    open(res: Flushable, flowId) {
      if (open.size >= maxListeners) return false
      let timer: NodeJS.Timeout | undefined
      const say = () => {
        timer = undefined
        res.write('event: change\ndata: \n\n')
        res.flush?.()
        const flow = flowId === undefined ? undefined : recorder.flow(flowId)
        if (flow && endOf(flow)) end()
      }
      // Events come in bursts, and one look at the page is enough for all of them.
      const stop = recorder.onChange((id) => {
        if (flowId === undefined || id === flowId) timer ??= setTimeout(say, pause)
      })
      const leave = () => {
        clearTimeout(timer)
        stop()
        open.delete(end)
      }
      const end = () => {
        leave()
        res.end('event: end\ndata: \n\n')
      }
      res.on('close', leave)
      open.add(end)
      res.write(': listening\n\n')
      res.flush?.()
      return true
    },
    close() {
      for (const end of open) end()
    },
  }
}
