export interface Form {
  readonly action: string
  readonly method: string
  readonly fields: Array<[string, string]>
}

const entities: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#34;': '"',
  '&#39;': "'",
  '&#x27;': "'",
}

function decode(value: string): string {
  return value.replace(/&(?:amp|lt|gt|quot|#34|#39|#x27);/gi, (entity) => {
    return entities[entity.toLowerCase()] ?? entity
  })
}

function attribute(tag: string, name: string): string | undefined {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, 'i').exec(tag)
  const value = found?.[1] ?? found?.[2] ?? found?.[3]
  return value === undefined ? undefined : decode(value)
}

/** The forms of a page, with what would be sent by their only button. */
export function formsOf(html: string): Form[] {
  return [...html.matchAll(/(<form\b[^>]*>)(.*?)(?:<\/form>|$)/gis)].map(
    ([, tag = '', inside]) => ({
      action: attribute(tag, 'action') ?? '',
      method: (attribute(tag, 'method') ?? 'get').toUpperCase(),
      fields: [...(inside ?? '').matchAll(/<(?:input|button)\b[^>]*>/gi)].flatMap<[string, string]>(
        ([input]) => {
          const name = attribute(input, 'name')
          return name === undefined ? [] : [[name, attribute(input, 'value') ?? '']]
        },
      ),
    }),
  )
}

/** The form that the page's own script sends as soon as it is loaded. */
export function autoSubmitForm(html: string): Form | undefined {
  return /\.submit\(\)/.test(html) ? formsOf(html)[0] : undefined
}
