// @ts-check

const width = 1200
const height = 800

/**
 * @typedef {object} Scene
 * @property {number} seed the same seed always paints the same picture
 * @property {[string, string, string]} sky from the top down to the horizon
 * @property {{ x: number, y: number, radius: number, color: string }} light the sun or the moon
 * @property {[string, string]} land colours of the farthest and of the nearest ridge
 * @property {number} [ridges]
 * @property {number} [roughness] 0 is dunes, 1 is alps
 * @property {number} [horizon] where the farthest ridge stands, from the top
 * @property {{ y: number, color: string, boat?: boolean }} [water]
 * @property {'pines' | 'city'} [foreground]
 * @property {string} [aurora]
 * @property {number} [stars]
 * @property {number} [clouds]
 * @property {number} [birds]
 */

/**
 * Paints a landscape as an SVG document.
 *
 * @param {Scene} scene
 * @param {string} title
 */
export function paint(scene, title) {
  const random = randomFrom(scene.seed)
  const layers = [
    sky(scene),
    stars(scene, random),
    aurora(scene, random),
    light(scene),
    clouds(scene, random),
    ridges(scene, random),
    water(scene, random),
    birds(scene, random),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>
${layers.filter(Boolean).join('\n')}
</svg>
`
}

/** @param {Scene} scene */
function sky({ sky: [top, middle, bottom], light: { x, y, color } }) {
  return `<defs>
<linearGradient id="sky" x2="0" y2="1"><stop stop-color="${top}"/><stop offset=".45" stop-color="${middle}"/><stop offset=".8" stop-color="${bottom}"/></linearGradient>
<radialGradient id="glow" gradientUnits="userSpaceOnUse" cx="${x}" cy="${y}" r="520"><stop stop-color="${color}" stop-opacity=".6"/><stop offset=".2" stop-color="${color}" stop-opacity=".3"/><stop offset=".5" stop-color="${color}" stop-opacity=".09"/><stop offset="1" stop-color="${color}" stop-opacity="0"/></radialGradient>
</defs>
<rect width="${width}" height="${height}" fill="url(#sky)"/>`
}

/** @param {Scene} scene @param {Random} random */
function stars({ stars: count = 0 }, random) {
  if (count === 0) return ''
  const dots = repeat(count, () => {
    const radius = random() ** 3 * 2 + 0.5
    return `<circle cx="${n(random() * width)}" cy="${n(random() ** 1.4 * 480)}" r="${n(radius)}" opacity="${n(0.35 + random() * 0.6)}"/>`
  })
  return `<g fill="#fff">${dots}</g>`
}

/** @param {Scene} scene @param {Random} random */
function aurora({ aurora: color }, random) {
  if (!color) return ''
  const curtains = repeat(3, (index) => {
    const crest = ridge(random, 150 + index * 70, 90, 0.25)
    const hem = crest
      .map(([x, y]) => /** @type {Point} */ ([x, y + 190 + random() * 60]))
      .toReversed()
    return `<path d="${curve(crest)} L${hem.map(point).join(' ')}Z" fill="url(#curtain)" opacity="${n(0.75 - index * 0.2)}"/>`
  })
  return `<defs><linearGradient id="curtain" x2="0" y2="1"><stop stop-color="${color}" stop-opacity="0"/><stop offset=".3" stop-color="${color}" stop-opacity=".75"/><stop offset="1" stop-color="${color}" stop-opacity="0"/></linearGradient><filter id="soft"><feGaussianBlur stdDeviation="14"/></filter></defs>
<g filter="url(#soft)">${curtains}</g>`
}

/** @param {Scene} scene */
function light({ light: { x, y, radius, color } }) {
  return `<rect width="${width}" height="${height}" fill="url(#glow)"/>
<circle cx="${x}" cy="${y}" r="${radius}" fill="${color}"/>`
}

/** @param {Scene} scene @param {Random} random */
function clouds({ clouds: count = 0 }, random) {
  if (count === 0) return ''
  const banks = repeat(count, () => {
    const x = random() * width
    const y = 90 + random() * 230
    const length = 120 + random() * 190
    return repeat(4, (index) => {
      const shift = (index - 1.5) * length * 0.34
      const lift = index === 1 || index === 2 ? 14 : 0
      return `<ellipse cx="${n(x + shift)}" cy="${n(y - lift)}" rx="${n(length * 0.36)}" ry="${n(15 + lift)}"/>`
    })
  })
  return `<g fill="#fff" opacity=".28">${banks}</g>`
}

/** @param {Scene} scene @param {Random} random */
function ridges(scene, random) {
  const { land, ridges: count = 5, roughness = 0.6, horizon = 400, foreground } = scene
  const bottom = scene.water?.y ?? height
  const step = (bottom - horizon - 30) / count
  return repeat(count, (index) => {
    const depth = count === 1 ? 1 : index / (count - 1)
    const swell = (130 - 75 * depth) * (0.35 + roughness)
    const line = ridge(random, horizon + step * index, swell, roughness * (1 - depth * 0.35))
    const color = blend(land[0], land[1], depth)
    const grown = depth > 0.45 ? growth(foreground, line, depth, random) : ''
    const body = `<path d="${curve(line)} V${bottom} H0Z"/>`
    return `<g fill="${color}">${grown}${body}</g>\n`
  })
}

/**
 * @param {Scene['foreground']} kind
 * @param {Point[]} line
 * @param {number} depth
 * @param {Random} random
 */
function growth(kind, line, depth, random) {
  if (kind === 'pines') return pines(line, depth, random)
  if (kind === 'city') return towers(line, depth, random)
  return ''
}

/** @param {Point[]} line @param {number} depth @param {Random} random */
function pines(line, depth, random) {
  return repeat(Math.round(95 - 45 * depth), () => {
    const [x, y] = somewhereOn(line, random)
    const size = (22 + random() * 42) * (0.35 + depth * 1.15)
    const half = size * 0.2
    const boughs = [0, 0.3, 0.58].map((from, index) => {
      const reach = half * (0.6 + index * 0.28)
      const top = y + 8 - size * (1 - from)
      return `M${n(x)} ${n(top)}l${n(reach)} ${n(size * 0.46)}h${n(-2 * reach)}z`
    })
    return `<path d="${boughs.join('')}"/>`
  })
}

/** @param {Point[]} line @param {number} depth @param {Random} random */
function towers(line, depth, random) {
  let buildings = ''
  for (let x = -10; x < width;) {
    const breadth = 34 + random() * 46
    const rise = (90 + random() ** 2 * 250) * (1.25 - depth * 0.6)
    const top = heightAt(line, x + breadth / 2) - rise
    buildings += `<rect x="${n(x)}" y="${n(top)}" width="${n(breadth)}" height="${n(rise + 120)}"/>`
    buildings += windows(x, top, breadth, rise, random)
    x += breadth + random() * 14
  }
  return buildings
}

/**
 * @param {number} x
 * @param {number} top
 * @param {number} breadth
 * @param {number} rise
 * @param {Random} random
 */
function windows(x, top, breadth, rise, random) {
  let lit = ''
  for (let row = top + 14; row < top + rise - 20; row += 17) {
    for (let column = x + 8; column < x + breadth - 10; column += 13) {
      if (random() < 0.36) lit += `M${n(column)} ${n(row)}h6v8h-6z`
    }
  }
  return `<path d="${lit}" fill="#ffd98a" opacity="${n(0.45 + random() * 0.45)}"/>`
}

/** @param {Scene} scene @param {Random} random */
function water({ water: lake, light: { x, color } }, random) {
  if (!lake) return ''
  const { y, color: deep, boat } = lake
  const glints = repeat(34, (index) => {
    const drop = ((index + random()) / 34) ** 1.5
    const spread = 26 + drop * 150
    const length = 18 + random() * spread
    const from = x - length / 2 + (random() - 0.5) * spread
    return `<rect x="${n(from)}" y="${n(y + 6 + drop * (height - y - 14))}" width="${n(length)}" height="${n(2 + drop * 4)}" rx="2" opacity="${n(0.75 - drop * 0.45)}"/>`
  })
  return `<defs><linearGradient id="water" x2="0" y2="1"><stop stop-color="${deep}" stop-opacity=".78"/><stop offset="1" stop-color="${deep}"/></linearGradient></defs>
<rect y="${y}" width="${width}" height="${height - y}" fill="url(#sky)" transform="matrix(1 0 0 -1 0 ${2 * y + height - y})"/>
<rect y="${y}" width="${width}" height="${height - y}" fill="url(#water)"/>
<g fill="${color}">${glints}</g>${boat ? sail(x, y) : ''}`
}

/** @param {number} near @param {number} horizon */
function sail(near, horizon) {
  const x = near > width / 2 ? near - 330 : near + 330
  const y = horizon + 84
  return `<g transform="translate(${x} ${y})"><path d="M-6-10V-150L62-10Z" fill="#fff8ec"/><path d="M-14-10V-128L-58-10Z" fill="#f4dcc0"/><path d="M-72 0H78L58 26H-50Z" fill="#3a2436"/><path d="M-50 32H58" stroke="#fff" stroke-width="4" opacity=".35"/></g>`
}

/** @param {Scene} scene @param {Random} random */
function birds({ birds: count = 0 }, random) {
  if (count === 0) return ''
  const startX = 240 + random() * 600
  const flock = repeat(count, () => {
    const x = startX + (random() - 0.5) * 300
    const y = 150 + random() * 130
    const span = 8 + random() * 9
    return `M${n(x - span)} ${n(y - span * 0.5)}q${n(span * 0.6)} ${n(-span * 0.3)} ${n(span)} ${n(span * 0.5)}q${n(span * 0.4)} ${n(-span * 0.8)} ${n(span)} ${n(-span * 0.5)}`
  })
  return `<path d="${flock}" fill="none" stroke="#1d1a2b" stroke-width="2.6" stroke-linecap="round" opacity=".7"/>`
}

/** @typedef {() => number} Random @typedef {[x: number, y: number]} Point */

/**
 * A line across the picture: three waves whose lengths halve, the short ones louder on rough land.
 *
 * @param {Random} random
 * @param {number} base
 * @param {number} swell
 * @param {number} roughness
 * @returns {Point[]}
 */
function ridge(random, base, swell, roughness) {
  const waves = [
    { frequency: 2.2, share: 0.62 },
    { frequency: 5.1, share: 0.34 * (0.2 + roughness) },
    { frequency: 11.3, share: 0.16 * (0.2 + roughness) },
  ].map(({ frequency, share }) => ({
    frequency: frequency * (0.8 + random() * 0.4),
    phase: random() * Math.PI * 2,
    height: swell * share,
  }))
  return Array.from({ length: 41 }, (_, index) => {
    const x = (index / 40) * width
    const offset = waves.reduce(
      (sum, wave) =>
        sum + Math.sin((x / width) * wave.frequency * Math.PI + wave.phase) * wave.height,
      (random() - 0.5) * swell * roughness * 0.3,
    )
    return [x, base + offset]
  })
}

/** A smooth path through the points. @param {Point[]} points */
function curve(points) {
  const bends = points.slice(1).map(([x, y], index) => {
    const before = at(points, index)
    return `Q${point(before)} ${point([(before[0] + x) / 2, (before[1] + y) / 2])}`
  })
  return `M${point(at(points, 0))} ${bends.join(' ')} L${point(at(points, points.length - 1))}`
}

/** @param {Point[]} line @param {Random} random @returns {Point} */
function somewhereOn(line, random) {
  const x = random() * width
  return [x, heightAt(line, x)]
}

/** @param {Point[]} line @param {number} x */
function heightAt(line, x) {
  const last = line.length - 1
  const position = Math.min(Math.max((x / width) * last, 0), last - 0.001)
  const index = Math.floor(position)
  const share = position - index
  return at(line, index)[1] * (1 - share) + at(line, index + 1)[1] * share
}

/** @param {Point[]} line @param {number} index @returns {Point} */
function at(line, index) {
  return line[index] ?? [0, 0]
}

/** @param {string} from @param {string} to @param {number} share */
function blend(from, to, share) {
  const mixed = [1, 3, 5].map((digit) => {
    const start = Number.parseInt(from.slice(digit, digit + 2), 16)
    const end = Number.parseInt(to.slice(digit, digit + 2), 16)
    return Math.round(start + (end - start) * share)
      .toString(16)
      .padStart(2, '0')
  })
  return `#${mixed.join('')}`
}

/** @param {number} count @param {(index: number) => string} part */
function repeat(count, part) {
  return Array.from({ length: count }, (_, index) => part(index)).join('')
}

/** @param {number} value */
function n(value) {
  return Number(value.toFixed(1))
}

/** @param {Point} position */
function point([x, y]) {
  return `${n(x)} ${n(y)}`
}

/** The mulberry32 generator: small, and the same on every machine. @param {number} seed @returns {Random} */
function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
