// @ts-check
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startExample } from './example.js'
import { followFlows } from './flow-log.js'
import { users } from './provider/users.js'
import { readSettings } from './settings.js'

export { startExample }

async function main() {
  const settings = readSettings(process.env)
  const example = await startExample(settings)
  followFlows((line) => console.log(line))
  announce(example.urls, settings)

  const stop = () => {
    void example.close().then(() => console.log('\nStopped.'))
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

/**
 * @param {{ photoEditor: string, drive: string, provider: string }} urls
 * @param {import('./settings.js').ExampleSettings} settings
 */
function announce(urls, { accessTokenTtl, ownProvider }) {
  const people = users.map(({ id, password, roles }) => {
    const note = roles.includes('admin') ? 'may open the admin page' : ''
    return `    ${id.padEnd(8)}${password.padEnd(20)}${note}`.trimEnd()
  })
  const local = [
    '',
    '  Sign in as',
    ...people,
    '',
    `  Access tokens live ${accessTokenTtl} seconds (ACCESS_TOKEN_TTL), so that you can watch them being refreshed:`,
  ]
  const lines = [
    '',
    `  Open ${urls.photoEditor}`,
    '',
    `    photo editor  ${urls.photoEditor}`,
    `    drive         ${urls.drive}`,
    `    provider      ${urls.provider}`,
    ...(ownProvider ? [] : local),
    '',
  ]
  console.log(lines.join('\n'))
}

if (process.argv[1] && fileURLToPath(import.meta.url) === realpathSync(process.argv[1])) {
  try {
    await main()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
