export interface RoundTrips {
  /** Runs the call and notes it. Calls that are under way together are one round trip. */
  track<T>(call: () => Promise<T>): Promise<T>
  /** The round trips since the last time this was asked. */
  taken(): number
}

export function countRoundTrips(): RoundTrips {
  let underWay = 0
  let trips = 0

  return {
    async track(call) {
      if (underWay++ === 0) trips++
      try {
        return await call()
      } finally {
        underWay--
      }
    },
    taken() {
      const count = trips
      trips = 0
      return count
    },
  }
}
