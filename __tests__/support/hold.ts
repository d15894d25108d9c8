/** A gate that requests wait at; `arrived` resolves when the first one has come. */
export interface Hold {
  readonly arrived: Promise<void>
  readonly pass: () => Promise<void>
  readonly release: () => void
}

interface Deferred {
  readonly promise: Promise<void>
  readonly settle: () => void
}

function createDeferred(): Deferred {
  const settlers: Array<() => void> = []
  const promise = new Promise<void>((resolve) => {
    settlers.push(resolve)
  })
  return { promise, settle: () => settlers.forEach((resolve) => resolve()) }
}

export function createHold(): Hold {
  const arrived = createDeferred()
  const released = createDeferred()
  return {
    arrived: arrived.promise,
    async pass() {
      arrived.settle()
      await released.promise
    },
    release: released.settle,
  }
}
