export type InTurn = <T>(key: string, work: () => Promise<T>) => Promise<T>

/**
 * Runs work of the same key one after the other, in the order of the calls.
 *
 * @internal
 */
export function keyedQueue(): InTurn {
  const last = new Map<string, Promise<unknown>>()

  return async (key, work) => {
    const turn = last.get(key)?.then(work, work) ?? work()
    last.set(key, turn)
    try {
      return await turn
    } finally {
      if (last.get(key) === turn) last.delete(key)
    }
  }
}
