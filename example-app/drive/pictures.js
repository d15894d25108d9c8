// @ts-check
import { paint } from './painter.js'

/**
 * @typedef {object} Picture
 * @property {string} id
 * @property {string} title
 * @property {string} place
 * @property {import('./painter.js').Scene} scene
 */

/** @typedef {{ id: string, owner: string, title: string, pictures: Picture[] }} Album */

/** @type {Album[]} */
const albums = [
  {
    id: 'northern-summer',
    owner: 'ada',
    title: 'Northern summer',
    pictures: [
      {
        id: 'first-light',
        title: 'First light',
        place: 'Lyngen, June',
        scene: {
          seed: 71,
          sky: ['#35527f', '#e59a8b', '#ffd9a0'],
          light: { x: 330, y: 250, radius: 46, color: '#fff1cf' },
          land: ['#a9849b', '#27304f'],
          roughness: 0.95,
          horizon: 330,
          clouds: 3,
          birds: 5,
        },
      },
      {
        id: 'still-lake',
        title: 'Still lake',
        place: 'Inari, July',
        scene: {
          seed: 24,
          sky: ['#6fb1d6', '#bfe0e6', '#fdf3d8'],
          light: { x: 330, y: 210, radius: 52, color: '#fffbe8' },
          land: ['#8fb3b5', '#1f4a43'],
          ridges: 4,
          horizon: 330,
          water: { y: 560, color: '#2b6a78' },
          foreground: 'pines',
          clouds: 5,
        },
      },
      {
        id: 'pine-valley',
        title: 'Pine valley',
        place: 'Dovre, August',
        scene: {
          seed: 9,
          sky: ['#f2b880', '#f7d9a8', '#fdf0d2'],
          light: { x: 610, y: 260, radius: 60, color: '#fff8e4' },
          land: ['#dcae82', '#3b2a2e'],
          ridges: 6,
          roughness: 0.7,
          horizon: 330,
          foreground: 'pines',
          birds: 7,
        },
      },
      {
        id: 'green-night',
        title: 'Green night',
        place: 'Abisko, late August',
        scene: {
          seed: 133,
          sky: ['#071330', '#10305a', '#2b6070'],
          light: { x: 980, y: 150, radius: 30, color: '#e9f5ff' },
          land: ['#21465c', '#050d1c'],
          ridges: 4,
          roughness: 0.9,
          horizon: 470,
          foreground: 'pines',
          aurora: '#6dffb8',
          stars: 170,
        },
      },
    ],
  },
  {
    id: 'city-evenings',
    owner: 'ada',
    title: 'City evenings',
    pictures: [
      {
        id: 'violet-hour',
        title: 'Violet hour',
        place: 'From the roof',
        scene: {
          seed: 40,
          sky: ['#2a1d52', '#8a3f7c', '#f6926f'],
          light: { x: 300, y: 400, radius: 64, color: '#ffcf8f' },
          land: ['#7a3f72', '#150f2b'],
          ridges: 3,
          roughness: 0.15,
          horizon: 560,
          foreground: 'city',
          stars: 50,
          clouds: 3,
        },
      },
      {
        id: 'harbour-lights',
        title: 'Harbour lights',
        place: 'North quay',
        scene: {
          seed: 58,
          sky: ['#0b1838', '#274a7c', '#8fa7c4'],
          light: { x: 860, y: 170, radius: 40, color: '#fdf6e0' },
          land: ['#32507c', '#0d1730'],
          ridges: 2,
          roughness: 0.1,
          horizon: 500,
          water: { y: 590, color: '#0e2145' },
          foreground: 'city',
          stars: 90,
        },
      },
    ],
  },
  {
    id: 'under-sail',
    owner: 'grace',
    title: 'Under sail',
    pictures: [
      {
        id: 'evening-breeze',
        title: 'Evening breeze',
        place: 'Newport, September',
        scene: {
          seed: 16,
          sky: ['#3d3b78', '#e0708a', '#ffc48a'],
          light: { x: 470, y: 430, radius: 74, color: '#ffe3ae' },
          land: ['#8d527f', '#4e2f5f'],
          ridges: 2,
          roughness: 0.4,
          horizon: 455,
          water: { y: 530, color: '#3a2f68', boat: true },
          clouds: 4,
          birds: 6,
        },
      },
      {
        id: 'noon-crossing',
        title: 'Noon crossing',
        place: 'Block Island Sound',
        scene: {
          seed: 88,
          sky: ['#2f8fd0', '#8fd0ec', '#eaf8f4'],
          light: { x: 860, y: 140, radius: 50, color: '#fffdf0' },
          land: ['#8db8b0', '#3d7c72'],
          ridges: 2,
          roughness: 0.35,
          horizon: 440,
          water: { y: 510, color: '#0f7390', boat: true },
          clouds: 7,
        },
      },
      {
        id: 'moon-anchorage',
        title: 'Moon over the anchorage',
        place: 'Cuttyhunk',
        scene: {
          seed: 305,
          sky: ['#050b22', '#14295a', '#3d5a8c'],
          light: { x: 640, y: 220, radius: 56, color: '#f4f1dc' },
          land: ['#20345f', '#0a1230'],
          ridges: 3,
          horizon: 430,
          water: { y: 540, color: '#091a3c', boat: true },
          stars: 200,
        },
      },
    ],
  },
  {
    id: 'dry-country',
    owner: 'grace',
    title: 'Dry country',
    pictures: [
      {
        id: 'long-shadows',
        title: 'Long shadows',
        place: 'Great dunes',
        scene: {
          seed: 12,
          sky: ['#4a86b8', '#f0c9a0', '#ffe6bd'],
          light: { x: 900, y: 280, radius: 54, color: '#fff4d6' },
          land: ['#e8ab72', '#7a3b2a'],
          ridges: 5,
          roughness: 0.08,
          horizon: 420,
        },
      },
      {
        id: 'red-mesa',
        title: 'Red mesa',
        place: 'After the rain',
        scene: {
          seed: 203,
          sky: ['#5c3a6b', '#d9705e', '#ffb76b'],
          light: { x: 240, y: 380, radius: 58, color: '#ffe2a6' },
          land: ['#c4605a', '#3a1526'],
          ridges: 6,
          roughness: 0.75,
          horizon: 400,
          clouds: 4,
          birds: 4,
        },
      },
    ],
  },
]

/**
 * People of another provider, whom the demonstration does not know, see Ada's pictures.
 *
 * @param {string} owner
 */
export function albumsOf(owner) {
  const own = albums.filter((album) => album.owner === owner)
  return own.length > 0 ? own : albums.filter((album) => album.owner === 'ada')
}

/** @param {string} owner @param {string} id */
export function pictureOf(owner, id) {
  return albumsOf(owner)
    .flatMap((album) => album.pictures)
    .find((picture) => picture.id === id)
}

/** @param {Picture} picture */
export function draw({ scene, title }) {
  return paint(scene, title)
}
