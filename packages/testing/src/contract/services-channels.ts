import assert from 'node:assert/strict'
import { Listener, RawListener, Service, type RawMessage } from '@waybill/core'
import type { Scenario } from './contract-case.js'
import { OrderBilled, OrderMoved, OrderPlaced } from './shop-messages.js'

/** The same decorated services on every transport: what the app says about its channels. */
export const servicesChannels: readonly Scenario[] = [
  {
    title: 'a channel travels under the name that the app states, and its services never see that name',
    async run(bench) {
      const taken: string[] = []
      @Service('billing')
      class Billing {
        @Listener(OrderPlaced, { retry: { attempts: 2, backoff: ['10ms'] } })
        on({ orderId }: OrderPlaced): void {
          taken.push(orderId)
          if (orderId === 'bad') throw new Error('Never.')
        }

        @Listener(OrderMoved)
        moved({ orderId, step }: OrderMoved): void {
          taken.push(`${orderId}${step}`)
        }
      }
      const name = `sales.${bench.channel}`
      const app = await bench.start([Billing], { channels: { orders: { name } } })
      const other = await bench.another({ namespace: bench.namespace })
      await other.declare(name, { groups: ['audit'], keyed: true })
      const audit = await other.listen({ channel: name, group: 'audit' })

      await app.publish([new OrderPlaced({ orderId: 'a', total: 1 }), new OrderPlaced({ orderId: 'bad', total: 1 }), new OrderMoved({ orderId: 'k', step: 1 })])
      await bench.eventually('who knows the name gets all', () => audit.received.length >= 3)
      const of = { channel: 'orders', group: 'billing' }
      await bench.eventually('one is a dead letter', async () => (await app.deadLetters.list(of)).length === 1)
      const redriven = await app.deadLetters.redrive(of)
      await bench.eventually('it dies again', async () => taken.length >= 6 && (await app.deadLetters.list(of)).length === 1)

      assert.equal(redriven, 1)
      assert.deepEqual([...taken].sort(), ['a', 'bad', 'bad', 'bad', 'bad', 'k1'])
      assert.deepEqual(
        app.topology.channels.map((channel) => channel.name),
        ['orders'],
      )
    },
  },
  {
    title: 'a raw listener takes what the stated bindings bring, and a log refuses bindings at start',
    async run(bench) {
      const taken: (string | undefined)[] = []
      @Service('audit')
      class Audit {
        @RawListener('orders')
        on({ name }: RawMessage): void {
          taken.push(name)
        }
      }
      const channels = { orders: { queue: { bindings: ['order.placed', '*.last'] }, exchange: { type: 'topic' } } } as const
      if ((await bench.peer()).capabilities.kind === 'log') return assert.rejects(bench.start([Audit], { channels }), { name: 'ConfigError', message: /"queue".*"orders"/ })

      await bench.start([Audit], { channels })
      const other = await bench.another({ namespace: bench.namespace })
      const front = await bench.start([], { name: `${bench.appName}-front`, channels })
      await front.publish([new OrderBilled({ orderId: 'a', invoice: 'i' }), new OrderPlaced({ orderId: 'a', total: 1 })])
      await other.send(bench.messageTo({ kind: 'channel', channel: 'orders' }, { type: 'theirs.last', text: '{}' }))
      await bench.eventually(
        'what the bindings bring is taken',
        () => taken.length >= 2,
        () => taken,
      )

      assert.deepEqual([...taken].sort(), ['order.placed', 'theirs.last'])
    },
  },
]
