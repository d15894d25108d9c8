// @ts-check
import { randomBytes } from 'node:crypto'
import { createDrive } from './drive/app.js'
import { createPhotoEditor } from './photo-editor/app.js'
import { createProvider } from './provider/app.js'
import { listen } from './shared/listen.js'

/**
 * Starts the three servers. Port 0, the default here, takes any free one.
 *
 * @param {import('./settings.js').ExampleSettings} settings
 */
export async function startExample({
  ports = {},
  accessTokenTtl = 20,
  ownAppUrl = 'http://localhost:4000',
  ownProvider,
} = {}) {
  /** @type {{ close(): Promise<unknown> }[]} */
  const open = []
  const close = async () => void (await Promise.all(open.map((one) => one.close())))
  /** @param {import('./shared/listen.js').Place} place */
  const openPort = async (place) => {
    const server = await listen(place)
    open.push(server)
    return server
  }

  try {
    // Two host names make two sites, as in real life: what works here does not rest on cookies that
    // ports of one host share.
    const editor = await openPort({
      name: 'photo editor',
      host: 'localhost',
      port: ports.photoEditor ?? 0,
      variable: 'PHOTO_EDITOR_PORT',
    })
    const drive = await openPort({
      name: 'drive',
      host: '127.0.0.1',
      port: ports.drive ?? 0,
      variable: 'DRIVE_PORT',
    })
    const provider =
      ownProvider ??
      (await startLocalProvider(
        await openPort({
          name: 'provider',
          host: '127.0.0.1',
          port: ports.provider ?? 0,
          variable: 'PROVIDER_PORT',
        }),
        { editorUrl: editor.url, driveUrl: drive.url, ownAppUrl, accessTokenTtl },
      ))

    const { issuer, audience = drive.url, ...client } = provider
    drive.serve(createDrive({ issuer, audience }))
    const photoEditor = createPhotoEditor({
      issuer,
      ...client,
      baseUrl: editor.url,
      secret: randomBytes(32).toString('base64url'),
      driveUrl: drive.url,
    })
    open.push(photoEditor)
    editor.serve(photoEditor.app)
    return { urls: { photoEditor: editor.url, drive: drive.url, provider: issuer }, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What the first code of the package's README signs in as; good for nothing but this provider. */
const ownApp = {
  id: 'my-app',
  secret: 'a-secret-that-is-good-for-the-local-example-only',
  name: 'Your own app',
}

/**
 * @param {string} url
 * @param {{ id: string, secret: string, name: string }} client
 * @returns {import('oidc-provider').ClientMetadata}
 */
function clientOf(url, { id, secret, name }) {
  return {
    client_id: id,
    client_secret: secret,
    client_name: name,
    redirect_uris: [`${url}/callback`],
    post_logout_redirect_uris: [`${url}/`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }
}

/**
 * @param {Awaited<ReturnType<typeof listen>>} server
 * @param {{ editorUrl: string, driveUrl: string, ownAppUrl: string, accessTokenTtl: number }} settings
 * @returns {Promise<import('./settings.js').OwnProvider>}
 */
async function startLocalProvider(server, { editorUrl, driveUrl, ownAppUrl, accessTokenTtl }) {
  const clientId = 'photo-editor'
  const clientSecret = randomBytes(32).toString('base64url')
  const app = await createProvider({
    issuer: server.url,
    clientUrl: editorUrl,
    ownAppUrl,
    drive: driveUrl,
    accessTokenTtl,
    clients: [
      clientOf(editorUrl, { id: clientId, secret: clientSecret, name: 'Darkroom' }),
      clientOf(ownAppUrl, ownApp),
    ],
  })
  server.serve(app)
  return {
    issuer: server.url,
    clientId,
    clientSecret,
    scope: 'openid profile email photos.read',
    // RFC 8707: the access token is to be for the drive.
    authorizationParams: { resource: driveUrl },
    audience: driveUrl,
  }
}
