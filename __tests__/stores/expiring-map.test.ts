import { describe, expect, it } from '@jest/globals'
import { expiringMap } from '../../lib/stores/expiring-map.ts'

describe('expiringMap', () => {
  it('forgets an entry at the millisecond of its expiry', () => {
    let time = 0
    const map = expiringMap<string>(() => time)
    map.set('key', 'value', 10)
    time = 9
    expect(map.get('key')).toBe('value')
    time = 10
    expect(map.get('key')).toBeUndefined()
  })

  it('lists only what has not expired', () => {
    const map = expiringMap<number>(() => 5)
    map.set('expired', 1, 5)
    map.set('live', 2, 6)
    expect([...map.live()]).toEqual([['live', 2]])
  })

  it('sheds expired entries that nobody asks for while others are written', () => {
    let time = 0
    const map = expiringMap<number>(() => time)
    for (let count = 0; count < 1000; count++) map.set(`old ${count}`, count, 1)
    expect(map.size()).toBe(1000)
    time = 1
    for (let count = 0; count < 100; count++) map.set(`new ${count}`, count, 2)
    expect(map.size()).toBe(100)
  })
})
