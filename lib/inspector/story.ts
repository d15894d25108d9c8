import { adviceFor, docsOf, rfc, type Reference } from '../error-advice.ts'
import { OAuthError } from '../errors.ts'
import type { EventName, FlowEvent } from '../events.ts'
import { textOf } from './flow.ts'

export const actors = ['browser', 'app', 'store', 'provider', 'api'] as const
/** Who takes part: each has a lifeline of its own in the diagram. */
export type Actor = (typeof actors)[number]

export type Branch = 'refresh' | 'retry'

/** What a developer is told about a step that failed. */
export interface Failure {
  readonly code: string
  /** What was seen this time. */
  readonly seen: string
  readonly cause: string
  readonly fix: string
  readonly reference: Reference
  /** Where the package's own documentation tells about it. */
  readonly docs?: string
}

/** One arrow or note of the diagram, and one entry of the list that says the same in words. */
export interface Step {
  readonly shape: 'request' | 'answer' | 'note'
  readonly from: Actor
  /** The same as `from` for a note beside one lifeline. */
  readonly to: Actor
  readonly title: string
  /** What happens and why, for somebody who learns the flow from it. */
  readonly text: string
  /** Parameters with what may be said of their values. */
  readonly details: readonly string[]
  /** Milliseconds since the start of the flow. */
  readonly at: number
  readonly duration: number | undefined
  readonly tone: 'plain' | 'pending' | 'failed'
  readonly branch: Branch | undefined
  readonly reference: Reference | undefined
  readonly failure: Failure | undefined
}

type Draft = { -readonly [K in keyof Step]: Step[K] }
type Words = Pick<Step, 'title' | 'text'> & Partial<Omit<Step, 'shape' | 'from' | 'to' | 'at'>>

/** A flow while it is being told. */
export interface Story {
  readonly steps: readonly Step[]
  /** Who has been asked by this app and has not answered yet. */
  readonly asked: Actor | undefined
  request(event: FlowEvent, from: Actor, to: Actor, words: Words): void
  answer(event: FlowEvent, from: Actor, to: Actor, words: Words): void
  note(event: FlowEvent, from: Actor, to: Actor, words: Words): void
  /** Changes the newest step of which `test` holds; `false` when there is none. */
  amend(test: (step: Step) => boolean, change: Partial<Step>): boolean
  /** Takes back the newest step. */
  drop(): void
  /** From now on steps belong to this branch. */
  within(branch: Branch | undefined): void
  /** Marks where the flow failed. */
  fail(event: FlowEvent, failure: Failure): void
}

/** What each event adds to the story. */
export type Tellers = Readonly<Partial<Record<EventName, (event: FlowEvent, story: Story) => void>>>

export function createStory(startedAt: number): Story {
  const steps: Draft[] = []
  let branch: Branch | undefined
  let asked: Actor | undefined

  const push = (shape: Step['shape'], event: FlowEvent, from: Actor, to: Actor, words: Words) => {
    const { duration } = event
    const at = event.time - startedAt
    const blank = { tone: 'plain', details: [], reference: undefined, failure: undefined } as const
    steps.push({ ...blank, shape, from, to, at, duration, branch, ...words })
  }

  const story: Story = {
    steps,
    get asked() {
      return asked
    },
    request(event, from, to, words) {
      push('request', event, from, to, { duration: undefined, ...words })
      if (from === 'app' && to !== 'store') asked = to
    },
    answer(event, from, to, words) {
      push('answer', event, from, to, words)
      if (to === 'app') asked = undefined
    },
    note: (event, from, to, words) => push('note', event, from, to, words),
    amend(test, change) {
      const found = steps.findLast(test)
      if (found) Object.assign(found, change)
      return found !== undefined
    },
    drop() {
      if (steps.pop()?.to === asked) asked = undefined
    },
    within(next) {
      branch = next
    },
    fail(event, failure) {
      if (steps.at(-1)?.tone !== 'failed') failAt(story, event, failure)
      story.amend(({ tone }) => tone === 'failed', { failure })
    },
  }
  return story
}

/** Checks of ours on an answer that did arrive. */
const ownChecks = new Set(['ERR_ID_TOKEN_INVALID', 'ERR_USERINFO_INVALID', 'ERR_ISSUER_MISMATCH'])
const silence = new Set(['ERR_PROVIDER_UNAVAILABLE', 'ERR_PROVIDER_TIMEOUT', 'no answer'])
const storeFaults: Readonly<Record<string, string>> = {
  ERR_SESSION_STORE_UNAVAILABLE: 'no answer from the store',
  ERR_TOKEN_STORE_UNAVAILABLE: 'no answer from the store',
  ERR_STATE_UNKNOWN: 'no pending login of this state',
  ERR_TRANSACTION_EXPIRED: 'the pending login has expired',
}

const refusedChecks: Readonly<Record<string, string>> = {
  ERR_AUTHENTICATION_INSUFFICIENT: 'not as recent or as strong as asked',
  ERR_CALLBACK_INVALID: 'a malformed answer',
  ERR_FORBIDDEN: 'a right is missing',
  ERR_LOGIN_REQUIRED: 'nobody is signed in',
  ERR_CALLBACK_ISSUER: 'not from the issuer that was asked',
  ERR_ID_TOKEN_INVALID: 'the ID token does not hold',
  ERR_LOGIN_LOOP: 'one login too many',
  ERR_LOGIN_REFUSED: "the app's onLogin refuses",
  ERR_SESSION_COOKIE_NOT_SETTABLE: 'the session cookie would be lost',
  ERR_USERINFO_INVALID: 'the profile cannot be used',
}

/** Adds the step that went wrong: the store's answer, somebody else's, or a check of our own. */
function failAt(story: Story, event: FlowEvent, { code }: Failure): void {
  const { asked } = story
  const words = { text: 'Here the flow ended.', tone: 'failed' as const, duration: undefined }
  const atStore = storeFaults[code]
  if (atStore) return story.answer(event, 'store', 'app', { ...words, title: atStore })
  if (asked && !ownChecks.has(code)) {
    const oauthError = textOf(event, 'oauthError')
    const refused = oauthError ? `refused: ${oauthError}` : 'an answer that cannot be used'
    const title = silence.has(code) ? 'no answer' : refused
    return story.answer(event, asked, 'app', { ...words, title })
  }
  if (asked) {
    const arrived = { title: 'the answer', text: 'It arrived, and is looked at.' }
    story.answer(event, asked, 'app', { ...arrived, duration: undefined })
  }
  story.note(event, 'app', 'app', { ...words, title: refusedChecks[code] ?? 'refused here' })
}

/** What is known about the error that an event reports. */
export function failureOf(event: FlowEvent): Failure {
  const { error } = event
  const seen = textOf(event, 'detail')
  if (error) {
    const advice = adviceFor(error, textOf(event, 'oauthError'))
    return { code: error, seen, ...advice, docs: docsOf(error) }
  }
  return {
    code: 'an error of the app',
    seen,
    cause: 'Something threw that is no error of this package.',
    fix: "The app's own log has the error with its stack.",
    reference: rfc(9110, '15.6.1'),
  }
}

/** The status with which the browser is told of an error. */
export const statusOf = ({ error }: FlowEvent): number =>
  error ? new OAuthError(error).status : 500
