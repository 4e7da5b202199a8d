import assert from 'node:assert/strict'
import {
  Listener,
  Publisher,
  PublishError,
  RawListener,
  RemoteError,
  Service,
  type Ask,
  type ConfigError,
  type Delivery,
  type Outgoing,
  type Publish,
  type RawMessage,
} from '@waybill/core'
import type { Scenario } from './contract-case.js'
import { BillOrder, GetTotal, OrderAudited, OrderBilled, OrderImported, OrderPlaced } from './shop-messages.js'

/** The same decorated services on every transport: what is published, asked and returned. */
export const servicesMessages: readonly Scenario[] = [
  {
    title: 'an event reaches every service that listens, as an instance of its class',
    async run(bench) {
      const heard: { readonly by: string; readonly event: OrderPlaced; readonly delivery: Delivery }[] = []
      @Service('billing')
      class Billing {
        @Listener(OrderPlaced)
        on(event: OrderPlaced, delivery: Delivery): void {
          heard.push({ by: 'billing', event, delivery })
        }
      }
      @Service('stock')
      class Stock {
        @Listener(OrderPlaced)
        on(event: OrderPlaced, delivery: Delivery): void {
          heard.push({ by: 'stock', event, delivery })
        }
      }
      const app = await bench.start([Billing, Stock])

      await app.publish(new OrderPlaced({ orderId: 'o-1', total: 7 }), { headers: { tenant: 'acme' } })
      await bench.eventually('both services hear it', () => heard.length >= 2)

      assert.deepEqual(heard.map(({ by }) => by).sort(), ['billing', 'stock'])
      for (const { event, delivery } of heard) {
        assert.ok(event instanceof OrderPlaced)
        assert.deepEqual([event.orderId, event.total, delivery.attempt, delivery.headers.tenant], ['o-1', 7, 1, 'acme'])
      }
      assert.equal(heard[0]?.delivery.id, heard[1]?.delivery.id)
    },
  },
  {
    title: 'a command is done by one service, and what its method returns is published',
    async run(bench) {
      const invoices: string[] = []
      @Service('billing')
      class Billing {
        @Listener(BillOrder)
        @Publisher(OrderBilled)
        bill(command: BillOrder): Promise<OrderBilled> {
          return Promise.resolve(new OrderBilled({ orderId: command.orderId, invoice: `i-${command.orderId}` }))
        }
      }
      @Service('mail')
      class Mail {
        @Listener(OrderBilled)
        on(event: OrderBilled): void {
          invoices.push(event.invoice)
        }
      }
      @Service('orders')
      class Orders {
        constructor(@Publisher(BillOrder) readonly bill: Publish<BillOrder>) {}
      }
      const app = await bench.start([Billing, Mail, Orders])

      await app.get(Orders).bill([{ orderId: 'a' }, { orderId: 'b' }])
      await bench.eventually(
        'both invoices are heard',
        () => invoices.length >= 2,
        () => invoices,
      )

      assert.deepEqual([...invoices].sort(), ['i-a', 'i-b'])
    },
  },
  {
    title: 'P1 a command that nobody does is unroutable',
    needs: ['unroutable'],
    async run(bench) {
      @Service('orders')
      class Orders {
        constructor(@Publisher(BillOrder) readonly bill: Publish<BillOrder>) {}
      }
      const app = await bench.start([Orders])

      const failure = await app
        .get(Orders)
        .bill({ orderId: 'a' })
        .then(
          () => undefined,
          (error: unknown) => error,
        )

      assert.ok(failure instanceof PublishError)
      assert.deepEqual([failure.code, failure.failures[0]?.outcome.kind, failure.failures[0]?.messageName], ['UNROUTABLE', 'unroutable', 'order.bill'])
    },
  },
  {
    title: 'Q3 a query is answered, and the error of who answers reaches who asks',
    needs: ['replies'],
    async run(bench) {
      @Service('billing')
      class Billing {
        @Listener(GetTotal)
        total(query: GetTotal): { total: number } {
          if (query.orderId === 'gone') throw Object.assign(new Error('No such order.'), { code: 'NO_ORDER' })

          return { total: query.orderId.length }
        }
      }
      @Service('front')
      class Front {
        constructor(@Publisher(GetTotal) readonly total: Ask<GetTotal>) {}
      }
      await bench.start([Billing])
      const app = await bench.start([Front], { name: `${bench.appName}-front` })

      const replies = await Promise.all(['a', 'bb', 'ccc'].map((orderId) => app.get(Front).total({ orderId })))
      const failure = await app.ask(new GetTotal({ orderId: 'gone' }), { timeout: '5s' }).then(
        () => undefined,
        (error: unknown) => error,
      )

      assert.deepEqual(
        replies.map((reply) => reply.total),
        [1, 2, 3],
      )
      assert.ok(failure instanceof RemoteError, `It is a RemoteError; found ${String(failure)}.`)
    },
  },
  {
    title: 'a query that comes again while its listener runs waits for that answer, and its listener runs once',
    needs: ['replies'],
    async run(bench) {
      const runs: string[] = []
      let finish: () => void = () => undefined
      const open = new Promise<void>((resolve) => {
        finish = resolve
      })
      @Service('billing')
      class Billing {
        @Listener(GetTotal)
        async total({ orderId }: GetTotal): Promise<{ total: number }> {
          runs.push(orderId)
          await open

          return { total: 7 }
        }
      }
      await bench.start([Billing])
      const front = await bench.another({ app: `${bench.appName}-front`, namespace: bench.namespace })
      await front.declare('orders', { asks: true, groups: [] })
      const answers = await front.listenToReplies()
      const query = (orderId: string): Outgoing =>
        bench.messageTo(
          { kind: 'channel', channel: 'orders' },
          { type: 'order.total', text: JSON.stringify({ orderId }), replyTo: answers.consumer.address, headers: { 'waybill-deadline': bench.runtime.now() + 60_000 } },
        )
      const twice = query('twice')

      await front.send(twice, twice, query('behind it'))
      await bench.eventually(
        'both queries run',
        () => runs.length >= 2,
        () => runs,
      )
      finish()
      await answers.arrived(3)

      assert.deepEqual([...runs].sort(), ['behind it', 'twice'])
      assert.deepEqual(answers.texts, ['{"total":7}', '{"total":7}', '{"total":7}'])
    },
  },
  {
    title: 'P14 an event that must be heard is unroutable where nobody hears it, and refused at start on a log',
    needs: ['unroutable'],
    async run(bench) {
      const app = await bench.start([publisherOf()])

      await assert.rejects(app.publish(new OrderAudited({ orderId: 'a' })), (error: PublishError) => error.code === 'UNROUTABLE')
    },
    async without(bench) {
      await assert.rejects(bench.start([publisherOf()]), (error: ConfigError) => error.faults.length > 0)
    },
  },
  {
    title: 'a raw listener takes what no other listener of its group does',
    async run(bench) {
      const orders: string[] = []
      const raws: RawMessage[] = []
      @Service('archive')
      class Archive {
        @Listener(OrderPlaced)
        on(event: OrderPlaced): void {
          orders.push(event.orderId)
        }

        @RawListener('orders')
        keep(message: RawMessage): void {
          raws.push(message)
        }
      }
      const app = await bench.start([Archive])

      await app.publish(new OrderPlaced({ orderId: 'a', total: 1 }))
      const peer = await bench.another({ namespace: bench.namespace })
      await peer.send(bench.messageTo({ kind: 'channel', channel: 'orders' }, { type: 'order.unheard-of', text: 'no JSON', contentType: 'text/plain' }))
      await bench.eventually('both are taken', () => orders.length > 0 && raws.length > 0)

      assert.deepEqual(orders, ['a'])
      assert.deepEqual([raws.length, raws[0]?.name, raws[0]?.text(), raws[0]?.contentType], [1, 'order.unheard-of', 'no JSON', 'text/plain'])
    },
  },
  {
    title: 'a message under its foreign name reaches its listener',
    async run(bench) {
      const imported: OrderImported[] = []
      @Service('orders')
      class Orders {
        @Listener(OrderImported)
        on(event: OrderImported): void {
          imported.push(event)
        }
      }
      await bench.start([Orders])

      const peer = await bench.another({ namespace: bench.namespace })
      await peer.send(bench.messageTo({ kind: 'channel', channel: 'orders' }, { type: 'com.acme.OrderImported', text: '{"orderId":"f-1"}' }))
      await bench.eventually('it arrives', () => imported.length > 0)

      assert.equal(imported[0]?.orderId, 'f-1')
    },
  },
  {
    title: 'two apps with one service share its work, and each other service hears all of it',
    async run(bench) {
      const taken = { one: [] as string[], two: [] as string[], mail: [] as string[] }
      const billing = (into: string[]) => {
        @Service('billing')
        class Billing {
          @Listener(OrderPlaced)
          on(event: OrderPlaced): void {
            into.push(event.orderId)
          }
        }

        return Billing
      }
      @Service('mail')
      class Mail {
        @Listener(OrderPlaced)
        on(event: OrderPlaced): void {
          taken.mail.push(event.orderId)
        }
      }
      const channels = { orders: { partitions: 2 } }
      const app = await bench.start([billing(taken.one)], { channels })
      await bench.start([billing(taken.two), Mail], { channels })

      await app.publish(Array.from({ length: 100 }, (_, index) => new OrderPlaced({ orderId: `o-${index}`, total: index })))
      await bench.eventually(
        'all is heard',
        () => taken.one.length + taken.two.length >= 100 && taken.mail.length >= 100,
        () => taken,
      )

      assert.equal(new Set([...taken.one, ...taken.two]).size, 100)
      assert.equal(new Set(taken.mail).size, 100)
    },
  },
]

function publisherOf() {
  @Service('orders')
  class Orders {
    constructor(@Publisher(OrderAudited) readonly audited: Publish<OrderAudited>) {}
  }

  return Orders
}
