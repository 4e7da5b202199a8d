import type { ChannelTopology } from '@waybill/core'
import { history } from '@waybill/testing'
import { expect } from 'vitest'
import { channelOf, soon } from './bed.js'
import { loadOn, worker } from './load.js'
import { cutter, type movingBed, untilMoved } from './moving-bed.js'

export const keyed = (partitions: number, options: ChannelTopology['options'] = {}): ChannelTopology[] => [channelOf('orders', { keyed: true, partitions, options })]

/** Goes to another number of queues while messages flow, is cut off at each step and begun again: nothing is lost, doubled or inverted. */
export async function cutOffAtEachStep({ leftIn, mover, namespace: newNamespace, partyOf }: ReturnType<typeof movingBed>, before: number, after: number): Promise<void> {
  const namespace = newNamespace()
  const seen = history()
  const load = loadOn(await partyOf(namespace, keyed(before)), seen)
  const old = await worker(await partyOf(namespace, keyed(before)), seen)
  const early = await worker(await partyOf(namespace, keyed(Math.min(before, after)), { options: { declare: 'none' } }), seen)
  const { difference, migrate } = mover(namespace, keyed(after))
  load.start()
  await soon(() => old.recent().length > 0)

  const { reached, told } = cutter(3)
  await untilMoved(() => migrate(told))

  await worker(await partyOf(namespace, keyed(after)), seen)
  await soon(() => [old, early].every((one) => one.consumer.health().attached), { within: 15_000 })
  await load.stop()
  await soon(() => seen.check({ groups: ['billing'] }).lost.length === 0, { within: 15_000 })
  const verdict = seen.check({ groups: ['billing'] })
  expect(verdict, verdict.describe()).toMatchObject({ lost: [], reordered: [], unexpected: [], duplicated: [] })
  expect(reached.size).toBeGreaterThan(60)
  expect(await difference()).toEqual([])
  expect(await leftIn(namespace)).toEqual([])
}
