import fc from 'fast-check'

export const processes = 2
export const browsers = 2
/** Seconds that the provider gives an access token. */
export const tokenLife = 300

export type Trouble =
  /** The call fails, and nothing has happened. */
  | 'failing'
  /** No answer at all. */
  | 'silent'
  /** The call takes effect, and its answer is lost. */
  | 'lost'

export type Part = 'tokens' | 'lock' | 'writes' | 'sessions' | 'provider'

/** A time in which one part is in trouble. */
export interface Window {
  readonly part: Part
  readonly trouble: Trouble
  /** Milliseconds after the schedule began. */
  readonly from: number
  readonly length: number
}

export type Deed =
  | 'page'
  | 'home'
  | 'force'
  | 'resource'
  | 'write'
  | 'leave'
  | 'old cookie'
  | 'login'
  | 'logout'

export interface Step {
  /** Milliseconds since the step before. */
  readonly after: number
  readonly deed: Deed
  readonly browser: number
  readonly process: number
  /** Milliseconds that the app's handler takes. */
  readonly slowness: number
}

export interface Plan {
  /** Of the delays of stores and provider. */
  readonly seed: number
  readonly steps: readonly Step[]
  readonly windows: readonly Window[]
}

const often = <T>(weight: number, value: T) => ({ weight, arbitrary: fc.constant(value) })

/** Mostly at once, sometimes past the caches, into the soft window or past the token. */
const gap = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 60 }) },
  often(2, 1_500),
  often(1, 6_000),
  often(1, 12_000),
  often(2, (tokenLife - 20) * 1_000),
  often(3, (tokenLife + 1) * 1_000),
)

const deed = fc.oneof(
  often<Deed>(8, 'page'),
  often<Deed>(1, 'home'),
  often<Deed>(2, 'force'),
  often<Deed>(2, 'resource'),
  often<Deed>(2, 'write'),
  often<Deed>(1, 'leave'),
  often<Deed>(1, 'old cookie'),
  often<Deed>(1, 'login'),
  often<Deed>(1, 'logout'),
)

const step: fc.Arbitrary<Step> = fc.record({
  after: gap,
  deed,
  browser: fc.oneof(often(3, 0), fc.nat({ max: browsers - 1 })),
  process: fc.nat({ max: processes - 1 }),
  slowness: fc.oneof(often(4, 0), fc.integer({ min: 1, max: 400 })),
})

const window: fc.Arbitrary<Window> = fc
  .record({
    part: fc.constantFrom<Part>('tokens', 'lock', 'writes', 'sessions', 'provider'),
    trouble: fc.constantFrom<Trouble>('failing', 'silent', 'lost'),
    from: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 1_000_000 })),
    length: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 30_000 })),
  })
  // A session store that says nothing is looked at over real HTTP, with its time limit.
  .map((one) => (one.part === 'sessions' ? { ...one, trouble: 'failing' as const } : one))

/** Schedules; half of them on a day without trouble. */
export const plan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.integer(),
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
  windows: fc.oneof(fc.constant([]), fc.array(window, { minLength: 1, maxLength: 3 })),
})

export interface Weather {
  /** Milliseconds for one way to a store or to the provider. */
  delay(): number
  troubleOf(part: Part): Trouble | undefined
  /** The windows of the plan count from now; before it everything is well. */
  begin(): void
  /** From now on everything is well again. */
  clear(): void
}

export function createWeather({ seed, windows }: Plan, now: () => number): Weather {
  const random = randomNumbers(seed)
  let start = Infinity
  return {
    delay() {
      const chance = random()
      if (chance < 0.6) return Math.floor(random() * 5)
      return Math.floor(random() * (chance < 0.95 ? 60 : 900))
    },
    troubleOf(part) {
      const time = now() - start
      const current = windows.find(
        (one) => one.part === part && time >= one.from && time < one.from + one.length,
      )
      return current?.trouble
    },
    begin() {
      start = now()
    },
    clear() {
      start = Infinity
    },
  }
}

/** A small generator (mulberry32), so that a failing seed can be run again. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
