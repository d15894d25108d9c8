// @ts-check

const RealDate = Date
let offset = 0

class MovedDate extends RealDate {
  /** @param {[] | [number | string | Date]} values */
  constructor(...values) {
    if (values.length === 0) super(RealDate.now() + offset)
    else super(values[0])
  }

  /** @override */
  static now() {
    return RealDate.now() + offset
  }
}

/**
 * Puts the clock of this process forward, so that tokens expire without waiting.
 *
 * @param {number} milliseconds
 */
export function moveClock(milliseconds) {
  offset += milliseconds
  globalThis.Date = /** @type {DateConstructor} */ (MovedDate)
}
