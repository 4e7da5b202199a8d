import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { newFolder, openShop, shopJourney } from './shop-journey.js'

shopJourney('memory')

test('orders that were placed before the one process was stopped or killed are still shown, and go on: nothing is lost, nothing done twice', { timeout: 120_000 }, async () => {
  const folder = newFolder()
  const orders = Array.from({ length: 12 }, (_, n) => `order-${n}`)

  for (const [signal, half] of [
    ['SIGTERM', orders.slice(0, 6)],
    ['SIGKILL', orders.slice(6)],
  ] as const) {
    const shop = await openShop('memory', folder, 'killed')
    for (const orderId of half) expect(await shop.place(orderId, 'chair', 1)).toMatchObject({ status: 202 })
    expect(await shop.program.end(signal)).toBe(signal === 'SIGKILL' ? null : 0)
  }
  const shop = await openShop('memory', folder, 'killed')
  for (const orderId of orders) {
    await eventually(async () => (await shop.storyOf(orderId)).story.some(({ message }) => message === 'notification.sent'), { within: 30_000 })
    expect(await shop.storyOf(orderId)).toMatchObject({ order: { status: 'confirmed', total: 120 }, story: { length: 6 } })
  }

  expect(await shop.quantities()).toEqual({ lamp: 40, chair: 13, desk: 6, plant: 3 })
  expect(await shop.program.end()).toBe(0)
})
