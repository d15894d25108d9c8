/** Time that stands still while anything runs, and then jumps to the next timer. */
export interface DrillTime {
  now(): number
  /** Resolves after this many milliseconds of drill time. */
  wait<T>(milliseconds: number, value?: T, options?: { signal?: AbortSignal }): Promise<T>
  /** Lets time pass until `work` has settled; rejects when it needs longer than `limit`. */
  passUntil<T>(work: Promise<T>, limit: number): Promise<T>
  /** Lets this much time pass. */
  pass(milliseconds: number): Promise<void>
  /** Gives the globals back. */
  restore(): void
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
  readonly every: number | undefined
}

/** Turns of Node's own loop after which everything that can run without a timer has run. */
const turnsUntilQuiet = 2
const realImmediate = setImmediate

async function quiet(): Promise<void> {
  for (let turn = 0; turn < turnsUntilQuiet; turn++) {
    await new Promise<void>((resolve) => realImmediate(resolve))
  }
}

/** Replaces the clock and the timers of this realm until `restore()`. */
export function startDrillTime(start: number): DrillTime {
  const real = { Date, setTimeout, setInterval, setImmediate, clearTimeout, AbortSignal }
  const timers = new Map<object, Timer>()
  let now = start
  let order = 0

  function add(run: () => void, milliseconds = 0, every?: number): object {
    const handle = { unref: () => handle, ref: () => handle, hasRef: () => true }
    timers.set(handle, { at: now + Math.max(0, milliseconds), order: ++order, run, every })
    return handle
  }

  function next(): [object, Timer] | undefined {
    let first: [object, Timer] | undefined
    for (const entry of timers) {
      const [, { at, order: place }] = entry
      if (!first || at < first[1].at || (at === first[1].at && place < first[1].order)) {
        first = entry
      }
    }
    return first
  }

  function fire([handle, timer]: [object, Timer]): void {
    timers.delete(handle)
    now = Math.max(now, timer.at)
    if (timer.every !== undefined) {
      timers.set(handle, { ...timer, at: now + timer.every, order: ++order })
    }
    timer.run()
  }

  const wait: DrillTime['wait'] = (milliseconds, value, { signal } = {}) =>
    new Promise((resolve, reject) => {
      const handle = add(() => resolve(value as never), milliseconds)
      signal?.addEventListener('abort', () => {
        if (timers.delete(handle)) reject(signal.reason as Error)
      })
    })

  class DrillDate extends real.Date {
    constructor(...values: [] | [number | string | Date]) {
      super(...((values.length === 0 ? [now] : values) as [number]))
    }
    static override now(): number {
      return now
    }
  }

  const clear = (handle: object | undefined) => void (handle && timers.delete(handle))
  Object.assign(globalThis, {
    Date: DrillDate,
    setTimeout: (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
      add(() => run(...args), ms),
    setInterval: (run: () => void, ms = 1) => add(run, ms, Math.max(1, ms)),
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) =>
      add(() => run(...args)),
    clearTimeout: clear,
    clearInterval: clear,
    AbortSignal: Object.create(real.AbortSignal, {
      timeout: {
        value(milliseconds: number) {
          const controller = new AbortController()
          add(() => controller.abort(new Error('timeout')), milliseconds)
          return controller.signal
        },
      },
    }),
  })

  return {
    now: () => now,
    wait,
    async passUntil(work, limit) {
      const end = now + limit
      const settled = new AbortController()
      const done = () => settled.abort()
      work.then(done, done)
      await quiet()
      while (!settled.signal.aborted) {
        const timer = next()
        if (!timer || timer[1].at > end) {
          throw new Error(`not settled within ${limit} ms of drill time`)
        }
        fire(timer)
        await quiet()
      }
      return work
    },
    async pass(milliseconds) {
      const end = now + milliseconds
      await quiet()
      for (let timer = next(); timer && timer[1].at <= end; timer = next()) {
        fire(timer)
        await quiet()
      }
      now = end
    },
    restore() {
      Object.assign(globalThis, real, { clearInterval: real.clearTimeout })
    },
  }
}
