const RealDate = Date
let offset = 0

class ShiftedDate extends RealDate {
  constructor(...values: [] | [number | string | Date]) {
    if (values.length === 0) super(RealDate.now() + offset)
    else super(...(values as [number]))
  }

  static override now(): number {
    return RealDate.now() + offset
  }
}

/** Moves the time of the app, the provider and the browser of a test file; timers do not notice. */
export function advanceClock(milliseconds: number): void {
  offset += milliseconds
  globalThis.Date = ShiftedDate as DateConstructor
}

export function resetClock(): void {
  offset = 0
  globalThis.Date = RealDate
}
