import { scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { DeadLetter, type Delivery, type Duration, Event, Listener, type Middleware, PublishError, Service } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { postgres } from '@waybill/store-postgres'
import { harness, recorded } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { OrderPlaced, Orders, PlaceOrder, Stock, StockLevel, StockReserved } from './harness-shop.js'

const order = { orderId: 'o-1', quantity: 3 }

test('a message sent to the services is worked off, with everything that follows from it', async () => {
  await using shop = await harness({ services: [Orders, Stock] })

  await shop.when(new PlaceOrder(order))

  expect(shop.published(OrderPlaced)).toEqual([new OrderPlaced({ ...order, at: '2026-05-01T08:00:00.000Z' })])
  expect(shop.published(StockReserved)).toMatchObject([order])
  expect(shop.get(Stock).left).toBe(7)
})

test('what is given happened before: it has its effects, and does not count as published', async () => {
  await using shop = await harness({ services: [Orders, Stock] })
  await shop.given(new PlaceOrder({ orderId: 'o-0', quantity: 8 }))

  await shop.when(new PlaceOrder({ orderId: 'o-1', quantity: 2 }))

  expect(shop.published(StockReserved)).toMatchObject([{ orderId: 'o-1' }])
  expect(shop.get(Stock).left).toBe(0)
})

test('what a test sends itself is not what the services published', async () => {
  await using shop = await harness({ services: [Stock] })

  await shop.when(new OrderPlaced({ ...order, at: '2026-05-01' }))

  expect(shop.published(OrderPlaced)).toEqual([])
  expect(shop.published(StockReserved)).toHaveLength(1)
})

test('time stands still until it is told to go on, so hours of waiting take no time', async () => {
  await using shop = await harness({ services: [Stock] })
  const stock = shop.get(Stock)

  await shop.when(new OrderPlaced({ orderId: 'o-1', quantity: 11, at: '2026-05-01' }))
  expect(stock.tries).toEqual(['o-1 1'])
  await shop.advance('1s')
  expect(stock.tries).toEqual(['o-1 1', 'o-1 2'])
  stock.left = 100
  await shop.advance('1m')

  expect(shop.published(StockReserved)).toHaveLength(1)
  expect(stock.left).toBe(89)
})

test('a dead letter is found under its group, with its reason', async () => {
  await using shop = await harness({ services: [Orders, Stock] })

  await shop.when(new PlaceOrder({ orderId: 'o-1', quantity: 0 }))

  expect(await shop.deadLetters('orders')).toMatchObject([{ name: 'orders.place', reason: 'DEAD_LETTER', message: 'nothing was ordered' }])
  expect(await shop.deadLetters('stock')).toEqual([])
})

test('a group that nobody has is an error that names those there are', async () => {
  await using shop = await harness({ services: [Orders, Stock] })

  await expect(shop.deadLetters('shipping')).rejects.toThrow('No service here is named "shipping". There are: orders, stock.')
  await expect(shop.deadLetters('stok')).rejects.toThrow('No service here is named "stok". Did you mean "stock"? There are: orders, stock.')
  for (const type of [Stock, PlaceOrder])
    await expect(shop.deadLetters(type as never)).rejects.toThrow(
      `deadLetters takes the name of a group, which @Service gives; found the class or function ${type.name}. There are: orders, stock.`,
    )
})

test('everything can be let run until nothing is left to do', async () => {
  await using shop = await harness({ services: [Stock] })
  await shop.when(new OrderPlaced({ orderId: 'o-1', quantity: 11, at: '2026-05-01' }))

  await shop.settled({ within: '10m' })

  expect(shop.get(Stock).tries).toHaveLength(4)
  expect(await shop.deadLetters('stock')).toMatchObject([{ reason: 'FAILED', attempts: 4 }])
})

test('what does not become quiet is told by its place', async () => {
  await using shop = await harness({ services: [Stock] })
  await shop.when(new OrderPlaced({ orderId: 'o-1', quantity: 11, at: '2026-05-01' }))

  await expect(shop.settled({ within: '30s' })).rejects.toThrow(/not quiet within 30s.*"orders\.stock\.keyed\.0" holds 1/s)
})

test('a middleware is called by its place among those that the test gave', async () => {
  const twice: Middleware = {
    async listen(_call, next) {
      await next()

      return next()
    },
  }
  await using shop = await harness({ services: [Orders], middleware: [{ listen: (_call, next) => next() }, twice] })

  await shop.when(new PlaceOrder(order))

  expect((await shop.deadLetters('orders'))[0]?.message).toMatch(/^middleware\[1\] called `next` twice/)
})

test('a query is asked and answered, also where its answer takes several tries', async () => {
  await using shop = await harness({ services: [Stock] })

  expect(await shop.ask(new StockLevel({}))).toEqual({ left: 10 })
})

test('a query that nobody answers ends in its time, and takes none of yours', async () => {
  await using shop = await harness({ services: [Mute], patience: '0ms' })

  await expect(shop.ask(new StockLevel({}), { timeout: '3m' })).rejects.toMatchObject({ code: 'ASK_TIMEOUT' })
  expect(shop.runtime.elapsed()).toBe(180_000)
})

test('queries that are asked at once share the time that passes until their answers are there', async () => {
  const sleeps: (() => Promise<void>)[] = []
  @Service('slow')
  class Slow {
    @Listener(StockLevel)
    async level(): Promise<{ left: number }> {
      await sleeps[0]?.()

      return { left: 1 }
    }
  }
  await using shop = await harness({ services: [Slow] })
  sleeps.push(() => shop.sleep('2s'))

  const answers = await Promise.all([1, 2, 3].map(() => shop.ask(new StockLevel({}))))

  expect([answers.length, shop.runtime.elapsed()]).toEqual([3, 2_000])
})

test('a listener that waits for something real is waited for', async () => {
  await using shop = await harness({ services: [Reader] })

  await shop.when(new OrderPlaced({ ...order, at: '2026-05-01' }))

  expect(shop.get(Reader).read).toEqual(['o-1'])
})

test('a listener can take time of the clock', async () => {
  const ends: number[] = []
  @Service('packing')
  class Packing {
    @Listener(OrderPlaced)
    async pack(): Promise<void> {
      await shop.sleep('20s')
      ends.push(shop.runtime.elapsed())
    }
  }
  const shop = await harness({ services: [Packing] })
  onTestFinished(() => shop.stop())

  await shop.when(new OrderPlaced({ ...order, at: '2026-05-01' }))
  expect(ends).toEqual([])
  await shop.advance('20s')

  expect(ends).toEqual([20_000])
})

test('the same seed gives the same journal, another one another', async () => {
  const journal = async (seed: number): Promise<string> => {
    await using shop = await harness({ services: [Orders, Stock], seed })
    await shop.when(new PlaceOrder({ orderId: 'o-1', quantity: 11 }))
    await shop.settled({ within: '10m' })
    return shop.journal.join('\n')
  }

  expect(await journal(1)).toBe(await journal(1))
  expect(await journal(2)).not.toBe(await journal(1))
})

test('services that run apart share a broker and a clock', async () => {
  await using orders = await harness({ name: 'orders', services: [Orders] })
  await using stock = await harness({ name: 'stock', services: [Stock], beside: orders })

  await orders.when(new PlaceOrder(order))

  expect(orders.published(OrderPlaced)).toHaveLength(1)
  expect(stock.published(StockReserved)).toHaveLength(1)
})

test('a harness that has stopped leaves no timer behind', async () => {
  const shop = await harness({ services: [Orders, Mute], patience: '0ms' })
  await shop.when(new PlaceOrder(order))

  await shop.stop()
  await shop.stop()

  expect(shop.runtime.pending()).toEqual({ timers: 0, jobs: 0 })
})

test('services that cannot start say why, and leave nothing behind', async () => {
  await expect(harness({ services: [class Unmarked {}] })).rejects.toMatchObject({ code: 'NO_SERVICE' })
})

test('an option that harness does not know is refused in its name, with a suggestion', async () => {
  const mistyped = { services: [Stock], sede: 4 }

  await expect(harness(mistyped)).rejects.toMatchObject({ code: 'UNKNOWN_OPTION', message: expect.stringContaining('harness has no option "sede". Did you mean "seed"?') })
})

test.each([
  [undefined, 'takes an object of options'],
  [{ services: [Stock], seed: {} }, 'takes "seed" as a number or a text; found {}'],
  [{ services: [Stock], patience: 5 }, 'takes "patience" as a duration, such as "5s"; found 5'],
  [{ services: [Stock], beside: {} }, 'takes "beside" as another harness'],
])('a harness of %o is refused and says why', async (options, message) => {
  await expect(harness(options as never)).rejects.toMatchObject({ code: 'HARNESS_OPTION', message: expect.stringContaining(message) })
})

test('what was published is asked for by the class of a message, and by nothing else', async () => {
  await using shop = await harness({ services: [Orders, Stock] })
  const none = expect.objectContaining({ code: 'NOT_A_MESSAGE', message: expect.stringContaining('found the class Stock') })

  expect(() => shop.published(Stock as never)).toThrow(none)
  expect(() => recorded(Stock as never)).toThrow(none)
})

test('what a harness refuses has a code', async () => {
  await using shop = await harness({ services: [Stock] })

  await expect(shop.advance('1 hour' as Duration)).rejects.toMatchObject({ code: 'DURATION' })
  await expect(shop.runtime.advance('1 hour' as Duration)).rejects.toMatchObject({ code: 'DURATION' })
  await expect(shop.deadLetters('typo')).rejects.toMatchObject({ code: 'UNKNOWN_GROUP' })
})

test('an option that nobody knows is refused where it is given: a wait that it was meant for would not be waited', async () => {
  await using shop = await harness({ services: [Stock] })

  await expect(shop.settled({ withn: '1m' } as never)).rejects.toMatchObject({ message: 'settled has no option "withn". Did you mean "within"? Known options: within.' })
  await expect(shop.settled('1m' as never)).rejects.toMatchObject({ message: 'settled takes an object of options; found "1m". Known options: within.' })
  await expect(shop.deadLetters('stock', { reason: 'FAILED' } as never)).rejects.toMatchObject({ message: expect.stringMatching(/^deadLetters has no option "reason"/) })
})

test('dead letters of a group on several channels come in the order of their deaths', async () => {
  await using shop = await harness({ services: [Refuser] })

  await shop.when(new OrderPlaced({ ...order, orderId: 'first', at: '2026-05-01' }))
  await shop.advance('1s')
  await shop.when(new Late({}))
  await shop.advance('1s')
  await shop.when(new StockReserved({ orderId: 'last', quantity: 1 }))
  const letters = await shop.deadLetters('refuser')

  expect(letters.map(({ name }) => name)).toEqual(['order.placed', 'order.late', 'stock.reserved'])
  expect(await shop.deadLetters('refuser', { limit: 2 })).toEqual(letters.slice(0, 2))
})

test('dead letters are shown while a redrive waits for its rate: time passes until that lets go of them', async () => {
  await using shop = await harness({ services: [Refuser] })
  await shop.given(...['a', 'b', 'c'].map((orderId) => new StockReserved({ orderId, quantity: 1 })))

  const redriving = shop.app.deadLetters.redrive({ channel: 'stock', group: 'refuser' }, { rate: { limit: 1, per: '200ms' } })
  await shop.advance('1ms')
  const letters = await shop.deadLetters('refuser')
  await shop.advance('10s')
  await redriving

  expect(letters.map(({ reason }) => reason)).toContain('DEAD_LETTER')
  expect(shop.runtime.elapsed()).toBeLessThanOrEqual(11_001)
})

test('a real database is refused, with the store to take', async () => {
  const refused = harness({ services: [Stock], plugins: [outbox(postgres({ embedded: true }))] })

  await expect(refused).rejects.toMatchObject({ code: 'REAL_STORE', message: expect.stringMatching(/the store "postgres".*outbox\(memoryStore\(\)\)/) })
})

test('a recorded publisher remembers what it was given, and refuses what is not valid', async () => {
  const placed = recorded(OrderPlaced)
  const orders = new Orders(placed)

  await orders.place(new PlaceOrder(order))

  expect(placed.messages).toMatchObject([{ orderId: 'o-1', at: new Date('2026-05-01T08:00:00.000Z') }])
  await expect(placed({ ...order, at: 'tomorrow' })).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
  expect(placed.messages).toHaveLength(1)
})

test('a recorded publisher fails on command, once', async () => {
  const placed = recorded(OrderPlaced)
  const orders = new Orders(placed)
  placed.failOnce(new PublishError([], 1))

  await expect(orders.place(new PlaceOrder(order))).rejects.toBeInstanceOf(PublishError)
  await orders.place(new PlaceOrder(order))

  expect(placed.messages).toHaveLength(1)
})

class Late extends Event('order.late', { payload: z.object({}) }) {}

@Service('refuser')
class Refuser {
  @Listener([StockReserved])
  reserved(): void {
    throw new DeadLetter('never')
  }

  @Listener([Late])
  late(): void {
    throw new DeadLetter('never')
  }

  @Listener([OrderPlaced])
  placed(): void {
    throw new DeadLetter('never')
  }
}

@Service('mute')
class Mute {
  @Listener(StockLevel)
  level(): Promise<{ left: number }> {
    return new Promise(() => undefined)
  }

  @Listener(Late)
  late(_late: Late, _delivery: Delivery): void {}
}

@Service('reader')
class Reader {
  readonly read: string[] = []

  @Listener(OrderPlaced)
  async take({ orderId }: OrderPlaced): Promise<void> {
    await promisify(scrypt)(orderId, 'salt', 32)
    this.read.push(orderId)
  }
}
