import type { Middleware } from '@waybill/core'
import { memoryDatabase } from '@waybill/store-memory'
import { expect, test } from 'vitest'
import { startBed } from './bed.js'
import { OrderPlaced, OrderRejected, ReserveStock } from './shop.js'

const placed = new OrderPlaced({ orderId: 'o-1', total: 5 })

/** Everything that reserves comes a minute late. */
const late: Middleware = {
  publish: ({ messages, options }, next) => next(messages.some((message) => message instanceof ReserveStock) ? { ...options, delay: '1m' } : options),
}

test('G8 an undo that overtakes its command has no effect, and neither has the command when it comes', async () => {
  const { shop, script, status, books } = await startBed({ middleware: [late] })

  await shop.when(placed)
  await shop.advance('45s')
  const before = await status('o-1')
  await shop.advance('2m')
  await shop.settled({ within: '5m' })

  expect([before, await status('o-1'), shop.published(ReserveStock).length]).toEqual(['compensated', 'compensated', 1])
  expect([script.runs, books()]).toEqual([[], []])
})

test('what may have happened, and did not, is withdrawn: its undo would need what only its reply tells', async () => {
  const { shop, script, status, books } = await startBed()
  script.fail('break charge o-1', 3)

  await shop.when(placed)
  await shop.advance('1m')
  await shop.settled({ within: '5m' })

  expect([await status('o-1'), books()]).toEqual(['compensated', [0]])
  expect(script.runs.filter((run) => run === 'charge o-1')).toHaveLength(3)
  expect(shop.published(OrderRejected)).toMatchObject([{ code: 'FAILED' }])
})

test('G4 a process that ends at any moment of a saga leaves it where it was, and it goes on', async () => {
  for (let moment = 0; moment < 12; moment++) {
    const { shop, status, books } = await startBed({ database: memoryDatabase() })
    await shop.when(placed)
    shop.faults.crash({ at: moment % 2 ? 'after listener' : 'before listener', downFor: `${moment}s` })

    await shop.when(new OrderPlaced({ orderId: 'o-2', total: 1 }))
    await shop.advance('1m')
    await shop.settled({ within: '5m' })

    expect([await status('o-1'), await status('o-2'), books()]).toEqual(['completed', 'completed', Array.from({ length: 6 }, () => 1)])
  }
})
