import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { outbox, Transactional } from '@waybill/outbox'
import { sagas } from '@waybill/saga'
import { memoryStore } from '@waybill/store-memory'
import { type Harness, harness } from '@waybill/testing'
import { tracing } from '@waybill/tracing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { Checkout, OrderConfirmed, OrderPlaced, Payment, Script, script, Shipping, Stock } from '../saga/shop.js'
import { faultsOf } from './conventions.js'
import { telemetry, treeOf } from './traced-app.js'

class MailSent extends Event('mail.sent', { payload: z.object({ orderId: z.string() }) }) {}

@Service('front')
class Front {
  constructor(@Publisher(OrderPlaced) private readonly placed: Publish<OrderPlaced>) {}

  @Transactional()
  async place(orderId: string): Promise<void> {
    await this.placed({ orderId, total: 5 })
  }
}

/** Fails, is tried again in the process, and its message is dead. */
@Service('mail')
class Mail {
  static isBroken = true

  @Listener(OrderConfirmed, { retry: { attempts: 2, backoff: ['1s'] } })
  @Publisher(MailSent)
  async tell({ orderId }: OrderConfirmed): Promise<MailSent> {
    if (Mail.isBroken) throw new Error('no mail')

    return new MailSent({ orderId })
  }
}

/** Is tried again half a minute later: the broker keeps the message meanwhile. */
@Service('archive')
class Archive {
  #tries = 0

  @Listener(MailSent, { retry: { attempts: 2, backoff: ['30s'] } })
  keep(): void {
    if (this.#tries++ === 0) throw new Error('no disk')
  }
}

async function placeOrder(): Promise<{ readonly shop: Harness; readonly spans: () => readonly ReadableSpan[] }> {
  script.current = new Script()
  script.current.fail('break ship o-1')
  Mail.isBroken = true
  const { provider, spans } = telemetry()
  const shop = await harness({
    services: [Front, Checkout, Stock, Payment, Shipping, Mail, Archive],
    plugins: [outbox(memoryStore()), sagas(), tracing({ provider })],
    log: false,
  })
  onTestFinished(() => shop.stop())
  await provider.getTracer('http').startActiveSpan('POST /orders', async (request) => {
    await shop.get(Front).place('o-1')
    request.end()
  })
  await shop.advance('10s')
  Mail.isBroken = false
  await shop.app.deadLetters.redrive({ channel: 'orders', group: 'mail' })
  await shop.advance('1m')

  return { shop, spans }
}

test('an order that crosses the outbox, a saga and its timer, both kinds of retry, a dead letter and its redrive is one connected tree', async () => {
  const { spans } = await placeOrder()

  expect(`\n${treeOf(spans()).join('\n')}\n`).toBe(story)
})

test('every span of it is called, and says, what the conventions of OpenTelemetry publish', async () => {
  const { spans } = await placeOrder()
  const ours = spans().filter(({ name }) => name !== 'POST /orders')

  expect(ours.length).toBeGreaterThan(30)
  expect(ours.flatMap(faultsOf)).toEqual([])
})

const story = `
POST /orders
  create orders
    send orders
    process orders
      create stock
        send stock
        process stock
          create stock
            send stock
            process stock
              create payment
                send payment
                process payment
                  create payment
                    send payment
                    process payment
                      create shipping
                        send shipping
                        process shipping
                        create saga.checkout
                          send saga.checkout
                          process saga.checkout
                        dead_letter shipping
    create shipping
      send shipping
      process shipping
        create shipping
          send shipping
          process shipping
            create orders
              send orders
              process orders
              retry orders
              process orders
              dead_letter orders
              process orders
                create mail
                  send mail
                  process mail
                  retry mail
                  process mail
`
