import { expect, test } from '@jest/globals'
import { closeAfterEach } from '../support/cleanups.ts'
import { inShort, startInspectedJourney } from './inspected.ts'

const closing = closeAfterEach()

/** Reads Server-Sent Events; `next` resolves with the name of the next one, `end` when all is said. */
async function listenTo(url: string) {
  const abort = new AbortController()
  const answer = await fetch(url, { signal: abort.signal })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    answer,
    close: () => abort.abort(),
    async next(): Promise<string> {
      for (;;) {
        const [found, name] = /^event: (\w+)\n[^]*?\n\n/m.exec(text) ?? []
        if (found !== undefined && name !== undefined) {
          text = text.slice(text.indexOf(found) + found.length)
          return name
        }
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) return 'closed'
        text += value
      }
    },
  }
}

test('news come while a login is running, and end with it', async () => {
  const { agent, app, inspector: look, provider } = closing(await startInspectedJourney())
  const hold = provider.holdTokens()
  const visit = agent.visit(`${app.url}/photos`)
  await hold.arrived

  const report = await look.report('login')
  expect(inShort(report).at(-1)).toBe('provider>app waiting for the answer')
  const news = closing(await listenTo(`${look.url}/live?flow=${report.flow}`))
  expect(news.answer.headers.get('content-type')).toMatch('text/event-stream')

  hold.release()
  await visit
  const heard: string[] = []
  while (!heard.includes('closed')) heard.push(await news.next())
  expect(heard[0]).toBe('change')
  expect(heard.slice(-2)).toEqual(['end', 'closed'])
  expect(inShort(await look.report('login')).at(-1)).toBe('app>browser 303 to /photos')
})

test('the list hears of every flow, and nobody listens any more after close()', async () => {
  const journey = await startInspectedJourney()
  const news = closing(await listenTo(`${journey.inspector.url}/live`))
  await journey.visit('/photos')
  expect(await news.next()).toBe('change')
  await journey.close()
  const rest = [await news.next(), await news.next(), await news.next()]
  expect(rest).toContain('end')
  expect(rest.at(-1)).toBe('closed')
})
