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
  /** The step with which it begins, and milliseconds after it. */
  readonly step: number
  readonly delay: number
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

/** Long enough that the next request is noted as activity. */
const pause = 3 * 3_600_000

/** Mostly at once, sometimes past the caches, into the soft window, past the token or after a pause. */
const gap = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 60 }) },
  often(2, 1_500),
  often(1, 6_000),
  often(1, 12_000),
  often(2, (tokenLife - 20) * 1_000),
  often(3, (tokenLife + 1) * 1_000),
  often(1, pause),
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

const someProcess = fc.nat({ max: processes - 1 })
const someBrowser = fc.oneof(often(3, 0), fc.nat({ max: browsers - 1 }))
const slowness = fc.oneof(often(3, 0), fc.integer({ min: 1, max: 400 }))

const step: fc.Arbitrary<Step> = fc.record({
  after: gap,
  deed,
  browser: someBrowser,
  process: someProcess,
  slowness,
})

/** Deeds of one browser that fall together, in any process. */
function burst(first: fc.Arbitrary<number>, deeds: readonly Deed[]): fc.Arbitrary<Step[]> {
  const detail = fc.record({
    after: fc.integer({ min: 0, max: 40 }),
    process: someProcess,
    slowness,
  })
  const details = fc.array(detail, { minLength: deeds.length, maxLength: deeds.length })
  return fc
    .record({ first, browser: someBrowser, details, order: shuffled(deeds) })
    .map(({ browser, details: list, first: before, order }) =>
      list.map((one, index) => ({
        ...one,
        after: index === 0 ? before : one.after,
        browser,
        deed: order[index] ?? 'page',
      })),
    )
}

const shuffled = (deeds: readonly Deed[]) =>
  fc.shuffledSubarray([...deeds], { minLength: deeds.length, maxLength: deeds.length })

const pastToken = fc.constant((tokenLife + 1) * 1_000)
const atOnce = fc.integer({ min: 0, max: 100 })

const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: step.map((one) => [one]) },
      { weight: 3, arbitrary: burst(pastToken, ['page', 'page', 'force', 'resource', 'page']) },
      { weight: 1, arbitrary: burst(pastToken, ['page', 'resource', 'login', 'page']) },
      { weight: 1, arbitrary: burst(pastToken, ['page', 'resource', 'logout', 'page']) },
      { weight: 2, arbitrary: burst(atOnce, ['page', 'write', 'logout', 'old cookie', 'page']) },
      { weight: 1, arbitrary: burst(fc.constant(pause), ['page', 'write', 'login', 'home']) },
      { weight: 1, arbitrary: burst(atOnce, ['old cookie', 'old cookie']) },
    ),
    { minLength: 1, maxLength: 7 },
  )
  .map((parts) => parts.flat())

const window: fc.Arbitrary<Window> = fc
  .record({
    part: fc.constantFrom<Part>('tokens', 'lock', 'writes', 'sessions', 'provider'),
    trouble: fc.constantFrom<Trouble>('failing', 'silent', 'lost'),
    step: fc.nat({ max: 12 }),
    delay: fc.integer({ min: 0, max: 120 }),
    length: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 30_000 })),
  })
  // A session store that says nothing is looked at over real HTTP, with its time limit.
  .map((one) => (one.part === 'sessions' ? { ...one, trouble: 'failing' as const } : one))

/** Schedules; half of them on a day without trouble. */
export const plan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.integer(),
  steps,
  windows: fc.oneof(fc.constant([]), fc.array(window, { minLength: 1, maxLength: 3 })),
})

export interface Weather {
  /** Milliseconds for one way to a store or to the provider. */
  delay(): number
  troubleOf(part: Part): Trouble | undefined
  /** The windows that begin with this step count from now. */
  reached(step: number): void
  /** From now on everything is well again. */
  clear(): void
}

export function createWeather({ seed, windows }: Plan, now: () => number): Weather {
  const random = randomNumbers(seed)
  const reachedAt = new Map<number, number>()
  return {
    delay() {
      const chance = random()
      if (chance < 0.6) return Math.floor(random() * 5)
      return Math.floor(random() * (chance < 0.95 ? 60 : 900))
    },
    troubleOf(part) {
      const time = now()
      const current = windows.find(({ delay, length, part: hit, step: index }) => {
        const from = (reachedAt.get(index) ?? Infinity) + delay
        return hit === part && time >= from && time < from + length
      })
      return current?.trouble
    },
    reached: (index) => void reachedAt.set(index, now()),
    clear: () => reachedAt.clear(),
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
