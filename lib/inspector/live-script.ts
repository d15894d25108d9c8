/**
 * What runs in the browser: it waits for news and replaces the parts of the page that have changed.
 * A hidden tab listens to nothing, since browsers open few connections to one origin.
 */
export const liveScript = `const { live } = document.body.dataset
let news
let loading = false
let again = false

async function load() {
  if (loading) {
    again = true
    return
  }
  loading = true
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), 'text/html'))
  } finally {
    loading = false
  }
  if (again) {
    again = false
    load()
  }
}

function show(next) {
  for (const part of document.querySelectorAll('[data-part]')) {
    const fresh = next.querySelector('[data-part="' + part.dataset.part + '"]')
    if (!fresh || fresh.innerHTML === part.innerHTML) continue
    const { activeElement } = document
    const link = part.contains(activeElement) ? activeElement.getAttribute('href') : undefined
    part.replaceChildren(...fresh.childNodes)
    if (link) part.querySelector('a[href="' + CSS.escape(link) + '"]')?.focus({ preventScroll: true })
  }
  const status = document.querySelector('[data-status]')
  const said = next.querySelector('[data-status]')?.textContent
  if (status && said && status.textContent !== said) status.textContent = said
}

function listen() {
  news?.close()
  if (document.hidden || !live) return
  news = new EventSource(live)
  news.addEventListener('change', load)
  news.addEventListener('open', load)
  news.addEventListener('end', () => news.close())
}

document.addEventListener('visibilitychange', listen)
listen()
`
