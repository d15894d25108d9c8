import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'
import { describeWith } from './describe-with.ts'

const howToGet =
  "Install Chromium ('sudo apt-get install chromium', or 'npx playwright-core install chromium') or name one: CHROMIUM_PATH=/path/to/chrome npm test"

/** Nothing but the pages under test may be asked for. */
const quiet = [
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
]

const executablePath = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  chromium.executablePath(),
].find((path) => path && existsSync(path))

export const describeWithChromium = describeWith(
  executablePath !== undefined,
  `no Chromium was found. ${howToGet}`,
)

/** A headless Chromium; the caller closes it. */
export async function launchChromium(): Promise<Browser> {
  if (!executablePath) throw new Error(`No Chromium was found. ${howToGet}`)
  // Chromium's sandbox refuses to run as root, which is who runs in many containers.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath, args: [...quiet, ...sandbox] })
}
