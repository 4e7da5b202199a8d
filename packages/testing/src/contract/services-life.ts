import assert from 'node:assert/strict'
import { Listener, Service, type ListenerOptions } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { OrderMoved, OrderPlaced } from './shop-messages.js'

/** The same decorated services on every transport: work in parallel, stop, and lost connections. */
export const servicesLife: readonly Scenario[] = [
  {
    title: 'S1 stopping lets ten running listeners finish, and nothing is lost or done twice',
    async run(bench) {
      const { work, started, finish } = gate()
      const app = await bench.start([billing(work, { concurrency: 10 })])
      await app.publish(placedOrders(20))
      await bench.eventually(
        'ten listeners run',
        () => started.length >= 10,
        () => started,
      )

      const stopped = app.stop()
      finish()
      await stopped
      const rest: string[] = []
      await bench.start([billing((event) => void rest.push(event.orderId))])
      await bench.eventually(
        'each order is done',
        () => new Set([...started, ...rest]).size >= 20,
        () => ({ started, rest }),
      )

      assert.equal(started.length, 10)
      assert.deepEqual(
        [...started, ...rest].sort(),
        placedOrders(20)
          .map((order) => order.orderId)
          .sort(),
      )
    },
  },
  {
    title: 'messages of one key are done one after another while keys run in parallel',
    needs: ['keyOrder'],
    async run(bench) {
      const done: string[] = []
      const running = new Map<string, number>()
      let most = 0
      @Service('billing')
      class Billing {
        @Listener(OrderMoved, { concurrency: 8 })
        async on(event: OrderMoved): Promise<void> {
          running.set(event.orderId, (running.get(event.orderId) ?? 0) + 1)
          assert.equal(running.get(event.orderId), 1, 'One message of a key at a time.')
          most = Math.max(most, [...running.values()].filter((count) => count > 0).length)
          await new Promise((resolve) => setImmediate(resolve))
          running.set(event.orderId, 0)
          done.push(`${event.orderId} ${event.step}`)
        }
      }
      const app = await bench.start([Billing])

      await app.publish(Array.from({ length: 200 }, (_, index) => new OrderMoved({ orderId: `k${index % 10}`, step: Math.floor(index / 10) })))
      await bench.eventually(
        'all are done',
        () => done.length >= 200,
        () => done.length,
      )

      for (let key = 0; key < 10; key++) {
        assert.deepEqual(
          done.filter((entry) => entry.startsWith(`k${key} `)),
          Array.from({ length: 20 }, (_, step) => `k${key} ${step}`),
        )
      }
      assert.ok(most > 1, `Keys run in parallel; found ${most} at a time.`)
    },
  },
  {
    title: 'R11 keyed messages outlive twelve restarts of their service, in order, and none is set aside',
    needs: ['starts', 'keyOrder'],
    async run(bench) {
      const done: OrderMoved[] = []
      for (let life = 0; life < 12; life++) {
        const { finish, work } = leisurely(done, 6)
        const app = await bench.start([work])
        if (life === 0) await app.publish(movedOrders)
        await bench.eventually(
          `life ${life} has done its share`,
          () => done.length >= 6 * (life + 1),
          () => done.length,
        )
        const stopped = app.stop()
        finish()
        await stopped
      }
      const { finish, work } = leisurely(done, 200)
      finish()
      const app = await bench.start([work])
      await bench.eventually(
        'all are done',
        () => done.length >= 200,
        () => done.length,
      )

      assert.deepEqual(await app.deadLetters.list({ channel: 'orders', group: 'billing' }), [])
      for (let key = 0; key < 20; key++)
        assert.deepEqual(
          done.filter(({ orderId }) => orderId === `k${key}`).map(({ step }) => step),
          Array.from({ length: 10 }, (_, step) => step),
        )
    },
  },
  {
    title: 'S4 an app is ready when it has started and again when its connections are restored',
    async run(bench) {
      const done: string[] = []
      const app = await bench.start([billing((event) => void done.push(event.orderId))])
      const atStart = app.health()

      await bench.subject.leave()
      await bench.eventually('it is not ready', () => !app.health().ready)
      const whileAway = app.health()
      await bench.subject.back()
      await bench.eventually(
        'it is ready',
        () => app.health().ready,
        () => app.health().reasons,
      )
      await app.publish(new OrderPlaced({ orderId: 'after', total: 1 }))
      await bench.eventually('it works', () => done.includes('after'))

      assert.deepEqual([atStart.live, atStart.ready, atStart.reasons], [true, true, []])
      assert.deepEqual([whileAway.live, whileAway.reasons.length > 0], [true, true])
    },
  },
  {
    title: 'connections that break while listeners run lose nothing',
    async run(bench) {
      const done: string[] = []
      const work = async (event: OrderPlaced): Promise<void> => {
        await new Promise((resolve) => setImmediate(resolve))
        done.push(event.orderId)
      }
      const app = await bench.start([billing(work, { concurrency: 10 })])
      const orders = placedOrders(300)

      const published = Promise.allSettled(orders.map((order) => app.publish(order)))
      await bench.eventually('some are done', () => done.length >= 20)
      await bench.subject.cut()
      const confirmed = (await published).flatMap((result, index) => (result.status === 'fulfilled' ? [orders[index]?.orderId] : []))
      await bench.eventually(
        'each confirmed order is done',
        () => confirmed.every((orderId) => done.includes(orderId ?? '')),
        () => done.length,
      )

      assert.ok(done.every((orderId) => orders.some((order) => order.orderId === orderId)))
    },
  },
  {
    title: 'starting and stopping leaves nothing behind that the next start trips over',
    async run(bench) {
      const done: string[] = []
      for (const orderId of ['a', 'b']) {
        const app = await bench.start([billing((event) => void done.push(event.orderId))])
        await app.publish(new OrderPlaced({ orderId, total: 1 }))
        await bench.eventually(`"${orderId}" is done`, () => done.includes(orderId))
        await Promise.all([app.stop(), app.stop()])
      }

      assert.deepEqual(done, ['a', 'b'])
    },
  },
]

function billing(work: (event: OrderPlaced) => unknown, options: ListenerOptions = {}): Parameters<Bench['start']>[0][number] {
  @Service('billing')
  class Billing {
    @Listener(OrderPlaced, options)
    on(event: OrderPlaced): unknown {
      return work(event)
    }
  }

  return Billing
}

function placedOrders(count: number): readonly OrderPlaced[] {
  return Array.from({ length: count }, (_, index) => new OrderPlaced({ orderId: `o-${index}`, total: index }))
}

/** Work that waits, once begun, until all of it may finish. */
function gate() {
  const started: string[] = []
  let finish: () => void = () => undefined
  const open = new Promise<void>((resolve) => {
    finish = resolve
  })

  return {
    started,
    finish: () => finish(),
    work: (event: OrderPlaced): Promise<void> => {
      started.push(event.orderId)

      return open
    },
  }
}

/** Does so many at once; the others of its life wait until they may finish. */
function leisurely(done: OrderMoved[], share: number) {
  const most = done.length + share
  let finish: () => void = () => undefined
  const open = new Promise<void>((resolve) => {
    finish = resolve
  })
  @Service('billing')
  class Billing {
    @Listener(OrderMoved, { concurrency: 4 })
    async on(event: OrderMoved): Promise<void> {
      if (done.length >= most) await open
      done.push(event)
    }
  }

  return { finish: () => finish(), work: Billing }
}

const movedOrders = Array.from({ length: 200 }, (_, index) => new OrderMoved({ orderId: `k${index % 20}`, step: Math.floor(index / 20) }))
