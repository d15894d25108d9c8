const countdown = document.querySelector('[data-countdown]')
if (countdown) run(countdown)

function run(element) {
  const end = performance.now() + Number(element.dataset.countdown) * 1000
  const seconds = element.querySelector('[data-seconds]')
  const bar = element.querySelector('progress')
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000))
    seconds.textContent = String(left)
    bar.value = left
    if (left > 0) return
    clearInterval(timer)
    for (const part of element.querySelectorAll('[data-while]')) {
      part.hidden = part.dataset.while === 'running'
    }
  }
  const timer = setInterval(tick, 250)
  tick()
}
