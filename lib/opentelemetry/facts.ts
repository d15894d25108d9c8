import type { Attributes } from '@opentelemetry/api'
import type { FlowEvent } from '../events.ts'

/** What semantic conventions say where no better class of an error is known. */
export const otherError = '_OTHER'

export function textOf({ facts }: FlowEvent, name: string): string | undefined {
  const value = facts[name]
  return typeof value === 'string' ? value : undefined
}

export function numberOf({ facts }: FlowEvent, name: string): number | undefined {
  const value = facts[name]
  return typeof value === 'number' ? value : undefined
}

/** The attributes that have a value; metrics would count a missing one as a value of its own. */
export const present = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
