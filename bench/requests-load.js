// @ts-check
import { connect } from 'node:net'

const connections = 8
const patience = 10_000

/**
 * Asks for one page `count` times over a few connections that stay open. Written on bare sockets, so
 * that the asking costs less than the answering.
 *
 * @param {string} url
 * @param {string} cookie
 * @param {number} count
 * @returns {Promise<{ seconds: number, setCookies: number }>}
 */
export async function load(url, cookie, count) {
  const { hostname, host, port, pathname } = new URL(url)
  const headers = ['Accept: text/html', ...(cookie ? [`Cookie: ${cookie}`] : [])]
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${headers.join('\r\n')}\r\n\r\n`
  let left = count
  let setCookies = 0
  const started = process.hrtime.bigint()

  const drive = () =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname)
      let received = ''
      const ask = () => {
        if (left === 0) return socket.end()
        left -= 1
        socket.write(request)
      }
      socket.setNoDelay(true)
      socket.setTimeout(patience, () => socket.destroy(new Error(`${url}: no answer`)))
      socket.once('connect', ask)
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
        const end = received.indexOf('\r\n\r\n')
        if (end === -1) return
        const head = received.slice(0, end)
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
        if (received.length < end + 4 + length) return
        received = ''
        if (!head.startsWith('HTTP/1.1 200')) return socket.destroy(new Error(`${url}: ${head}`))
        if (/^set-cookie:/im.test(head)) setCookies += 1
        ask()
      })
      socket.once('error', reject)
      socket.once('close', resolve)
    })

  await Promise.all(Array.from({ length: connections }, drive))
  if (left > 0) throw new Error(`${url}: the server closed the connections`)
  return { seconds: Number(process.hrtime.bigint() - started) / 1e9, setCookies }
}

/**
 * One whole sign-in of a new visitor.
 *
 * @param {string} baseUrl
 * @returns {Promise<string>} the `Cookie` header of the visitor who is signed in now
 */
export async function signIn(baseUrl) {
  /** @type {Map<string, string>} */
  const jar = new Map()
  let url = `${baseUrl}/login`
  for (;;) {
    const own = url.startsWith(`${baseUrl}/`)
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: own && jar.size > 0 ? { cookie: headerOf(jar) } : {},
    })
    await answer.arrayBuffer()
    if (answer.status !== 302 && answer.status !== 303) {
      throw new Error(`${new URL(url).pathname} answered ${answer.status}`)
    }
    if (own) keep(jar, answer.headers.getSetCookie())
    const location = new URL(answer.headers.get('location') ?? '', url)
    if (location.href === `${baseUrl}/`) return headerOf(jar)
    url = location.href
  }
}

/** @param {Map<string, string>} jar */
const headerOf = (jar) => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')

/**
 * @param {Map<string, string>} jar
 * @param {string[]} lines
 */
function keep(jar, lines) {
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (value) jar.set(name, value)
    else jar.delete(name)
  }
}
