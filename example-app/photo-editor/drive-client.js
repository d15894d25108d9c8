// @ts-check

/** The drive's "no", with the status it gave. */
export class DriveError extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`the drive answered ${status}`)
    this.status = status
  }
}

/**
 * @typedef {{ id: string, title: string, place: string }} Picture
 * @typedef {{ id: string, title: string, pictures: Picture[] }} Album
 * @typedef {{ time: number, who: string, what: string, token: number }} ActivityEntry
 */

/**
 * The drive's API, called in the visitor's name.
 *
 * @param {string} driveUrl
 */
export function driveClient(driveUrl) {
  /** @param {import('express').Request} req @param {string} path */
  async function get({ auth }, path) {
    if (!auth) throw new TypeError('the drive is for signed-in visitors; put requireAuth() before')
    const answer = await auth.fetch(new URL(path, driveUrl))
    if (!answer.ok) throw new DriveError(answer.status)
    return answer
  }

  /** @template T @param {import('express').Request} req @param {string} path @returns {Promise<T>} */
  async function json(req, path) {
    const answer = await get(req, path)
    return /** @type {Promise<T>} */ (answer.json())
  }

  return {
    /** @param {import('express').Request} req @returns {Promise<{ albums: Album[] }>} */
    albums: (req) => json(req, '/v1/albums'),
    /** @param {import('express').Request} req @param {string} id @returns {Promise<Picture>} */
    picture: (req, id) => json(req, `/v1/pictures/${encodeURIComponent(id)}`),
    /** @param {import('express').Request} req @param {string} id */
    image: (req, id) => get(req, `/v1/pictures/${encodeURIComponent(id)}/image`),
    /** @param {import('express').Request} req @returns {Promise<{ requests: number, tokens: number }>} */
    usage: (req) => json(req, '/v1/usage'),
    /** @param {import('express').Request} req @returns {Promise<{ entries: ActivityEntry[] }>} */
    activity: (req) => json(req, '/v1/activity'),
  }
}
