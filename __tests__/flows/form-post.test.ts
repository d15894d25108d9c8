import { describe, expect, test } from '@jest/globals'
import express from 'express'
import { hostKinds } from '../support/apps.ts'
import { closeAfterEach } from '../support/cleanups.ts'
import { startJourney, type JourneyOptions } from '../support/journey.ts'
import type { Handler } from '../support/site.ts'

const closing = closeAfterEach()

const start = async (options: JourneyOptions) =>
  closing(await startJourney({ ...options, config: { responseMode: 'form_post' } }))

describe.each(hostKinds)('the answer as a form, on %s', (host) => {
  test('signs in and comes back', async () => {
    const { provider, visit } = await start({ host })
    const photos = await visit('/photos?album=7')
    expect(photos.json()).toEqual({ owner: 'alice', at: '/photos?album=7' })
    expect(photos.hops).toContainEqual(
      expect.objectContaining({
        method: 'POST',
        url: expect.objectContaining({ pathname: '/callback', search: '' }),
      }),
    )
    expect(provider.tokenRequests('authorization_code')).toBe(1)
  })

  test.each([true, false])(
    'signs in when a body parser has read the form before (extended: %s)',
    async (extended) => {
      const parser = express.urlencoded({ extended }) as unknown as Handler
      const { visit } = await start({ host, before: [parser] })
      expect((await visit('/photos')).json()).toMatchObject({ owner: 'alice' })
    },
  )
})
