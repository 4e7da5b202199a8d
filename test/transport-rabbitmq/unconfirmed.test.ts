import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { Unconfirmed } from '../../packages/transport-rabbitmq/src/unconfirmed.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void

interface Item {
  readonly tag: number
  readonly text?: readonly string[]
}

function withTags(count: number): Unconfirmed<Item> {
  const unconfirmed = new Unconfirmed<Item>()
  for (let tag = 1; tag <= count; tag++) unconfirmed.add({ tag })

  return unconfirmed
}

function tagsOf(items: readonly Item[]): readonly number[] {
  return items.map(({ tag }) => tag)
}

test('each is taken once, whatever the order', () => {
  const unconfirmed = withTags(3)

  expect(unconfirmed.take(2)?.tag).toBe(2)
  expect(unconfirmed.take(2)).toBeUndefined()
  expect(unconfirmed.take(4)).toBeUndefined()
  expect(unconfirmed.size).toBe(2)
  expect(tagsOf(unconfirmed.takeAll())).toEqual([1, 3])
  expect(unconfirmed.size).toBe(0)
})

test('all up to a tag are taken in their order, and those behind it stay', () => {
  const unconfirmed = withTags(9)
  unconfirmed.take(3)

  expect(tagsOf(unconfirmed.takeUpTo(5))).toEqual([1, 2, 4, 5])
  expect(tagsOf(unconfirmed.takeUpTo(5))).toEqual([])
  expect(tagsOf(unconfirmed.takeUpTo(7))).toEqual([6, 7])
  expect(unconfirmed.size).toBe(2)
})

test('a tag that was never written takes nothing from those that follow', () => {
  const unconfirmed = withTags(2)

  expect(tagsOf(unconfirmed.takeUpTo(Number.MAX_SAFE_INTEGER))).toEqual([1, 2])
  unconfirmed.add({ tag: 3 })
  expect(tagsOf(unconfirmed.takeUpTo(3))).toEqual([3])
})

test('those that the broker leaves unconfirmed while many others pass are kept, and come first', () => {
  const unconfirmed = withTags(20_000)
  for (let tag = 3; tag <= 19_998; tag++) unconfirmed.take(tag)

  expect(unconfirmed.get(1)?.tag).toBe(1)
  expect(unconfirmed.take(2)?.tag).toBe(2)
  expect(tagsOf(unconfirmed.takeUpTo(19_999))).toEqual([1, 19_999])
  expect(tagsOf(unconfirmed.takeAll())).toEqual([20_000])
  expect(unconfirmed.size).toBe(0)
})

test('what was confirmed leaves the memory without a full collection', () => {
  const unconfirmed = new Unconfirmed<Item>()
  const pass = (from: number, to: number): void => {
    for (let tag = from; tag <= to; tag++) {
      unconfirmed.add({ tag, text: new Array<string>(100).fill('x') })
      unconfirmed.take(tag - 256)
    }
  }
  pass(1, 20_000)
  collect()
  const before = process.memoryUsage().heapUsed

  pass(20_001, 50_000)
  for (let at = 0; at < 3; at++) collect({ type: 'minor' })

  const grownMb = (process.memoryUsage().heapUsed - before) / 1_048_576
  expect(grownMb).toBeLessThan(5)
})
