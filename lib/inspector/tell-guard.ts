import { textOf } from './flow.ts'
import { failureOf, statusOf, type Tellers } from './story.ts'

/** A page that requireAuth() kept closed. */
export const guardTellers: Tellers = {
  'guard.refused'(event, story) {
    story.request(event, 'browser', 'app', {
      title: `${textOf(event, 'method')} ${textOf(event, 'path')}`,
      text: 'requireAuth() looks at who asks before the page does.',
    })
    story.fail(event, failureOf(event))
    story.answer(event, 'app', 'browser', {
      title: String(statusOf(event)),
      text: 'A page for people, problem+json for programs.',
    })
  },
}
