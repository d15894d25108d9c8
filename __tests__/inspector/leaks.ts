/** What would give a secret away, in every form in which programs write it down. */
export function formsOf(secret: string): Map<string, string> {
  const forms = new Map<string, string>()
  const add = (name: string, form: string) => {
    if (form.length >= 8) forms.set(name, form)
  }
  for (const [part, value] of partsOf(secret)) {
    add(`${part} as it is`, value)
    add(`${part} URL-encoded`, encodeURIComponent(value))
    add(`${part} form-encoded`, new URLSearchParams([['x', value]]).toString().slice(2))
    add(`${part} in HTML`, value.replaceAll('&', '&amp;').replaceAll('<', '&lt;'))
    add(`${part} in JSON`, JSON.stringify(value).slice(1, -1))
    add(`${part} in hex`, Buffer.from(value).toString('hex'))
    for (const [offset, base64] of inBase64(value).entries()) {
      add(`${part} in base64 at ${offset}`, base64)
      const base64url = base64.replaceAll('+', '-').replaceAll('/', '_')
      add(`${part} in base64url at ${offset}`, base64url)
    }
  }
  return forms
}

/** The whole, and of a long one each end, which is enough to find the rest elsewhere. */
function partsOf(secret: string): Array<readonly [string, string]> {
  const whole = ['the whole', secret] as const
  if (secret.length < 32) return [whole]
  return [whole, ['the start', secret.slice(0, 16)], ['the end', secret.slice(-16)]]
}

/** Within a longer text a secret can begin at each of the three places of a group. */
function inBase64(value: string): string[] {
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]).toString('base64')
    // The first and last groups are made of neighbours too.
    const start = offset === 0 ? 0 : 4
    return encoded.slice(start, encoded.replace(/=+$/, '').length - 2)
  })
}

/** Names of the secrets that are found in a text, with the form in which they are. */
export function leaksIn(text: string, secrets: ReadonlyMap<string, string>): string[] {
  return [...secrets].flatMap(([secret, name]) =>
    [...formsOf(secret)]
      .filter(([, form]) => text.includes(form))
      .map(([form]) => `${name}: ${form}`),
  )
}
