/** One run of a piece of work for all who ask for it at the same time. */
export interface SingleFlight<T> {
  run(key: string, work: () => Promise<T>): Promise<T>
}

export function singleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>()
  return {
    run(key, work) {
      const underWay = flights.get(key)
      if (underWay) return underWay
      const flight = work().finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    },
  }
}
