// @ts-check

/** @typedef {{ id: string, name: string, filter: string }} Look */

/** What the editor can do to a picture, as SVG filter primitives. @type {Look[]} */
export const looks = [
  { id: 'original', name: 'Original', filter: '' },
  {
    id: 'golden',
    name: 'Golden',
    filter: '<feColorMatrix values="1.16 .1 0 0 .03  .04 1.02 0 0 .015  0 .05 .8 0 0  0 0 0 1 0"/>',
  },
  {
    id: 'vivid',
    name: 'Vivid',
    filter:
      '<feColorMatrix type="saturate" values="1.75"/><feComponentTransfer><feFuncR type="linear" slope="1.12" intercept="-.05"/><feFuncG type="linear" slope="1.12" intercept="-.05"/><feFuncB type="linear" slope="1.12" intercept="-.05"/></feComponentTransfer>',
  },
  {
    id: 'faded',
    name: 'Faded',
    filter:
      '<feColorMatrix type="saturate" values=".55"/><feComponentTransfer><feFuncR type="linear" slope=".74" intercept=".2"/><feFuncG type="linear" slope=".74" intercept=".18"/><feFuncB type="linear" slope=".7" intercept=".2"/></feComponentTransfer>',
  },
  {
    id: 'sepia',
    name: 'Sepia',
    filter:
      '<feColorMatrix values=".25 .62 .1 0 .05  .22 .55 .09 0 .03  .17 .43 .07 0 .02  0 0 0 1 0"/>',
  },
  {
    id: 'noir',
    name: 'Noir',
    filter:
      '<feColorMatrix type="saturate" values="0"/><feComponentTransfer><feFuncR type="table" tableValues="0 .12 .5 .88 1"/><feFuncG type="table" tableValues="0 .12 .5 .88 1"/><feFuncB type="table" tableValues="0 .12 .5 .88 1"/></feComponentTransfer>',
  },
  {
    id: 'dream',
    name: 'Dream',
    filter:
      '<feGaussianBlur stdDeviation="16" result="soft"/><feBlend in="SourceGraphic" in2="soft" mode="screen"/><feColorMatrix type="saturate" values="1.2"/>',
  },
]

/** The look of that name; one that changes nothing for every other. @param {unknown} id */
export function findLook(id) {
  return looks.find((look) => look.id === id) ?? { id: 'original', name: 'Original', filter: '' }
}

/**
 * Puts everything that the picture shows behind the look's filter.
 *
 * @param {string} svg
 * @param {Look} look
 */
export function develop(svg, { filter }) {
  const start = svg.indexOf('>', svg.indexOf('<svg')) + 1
  const end = svg.lastIndexOf('</svg>')
  const region = 'filterUnits="userSpaceOnUse" x="0" y="0" width="100%" height="100%"'
  return `${svg.slice(0, start)}
<filter id="look" color-interpolation-filters="sRGB" ${region}>${filter}</filter>
<g filter="url(#look)">${svg.slice(start, end)}</g>
</svg>`
}
