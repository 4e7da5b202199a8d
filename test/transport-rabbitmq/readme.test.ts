import { readFileSync } from 'node:fs'
import { createApp, Event, Listener, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { bed, url } from './bed.js'

const readme = readFileSync(new URL('../../packages/transport-rabbitmq/README.md', import.meta.url), 'utf8')

const broker = bed()

test('the snippet of the README is a faultless app', async () => {
  const snippet = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? ''
  const taken: number[] = []
  const namespace = broker.namespace()

  class OrderPlaced extends Event('order.placed', { payload: z.object({ total: z.number() }) }) {}

  @Service('billing')
  class Billing {
    @Listener(OrderPlaced)
    take({ total }: OrderPlaced): void {
      taken.push(total)
    }
  }

  const app = createApp({
    name: 'shop',
    namespace,
    services: [Billing],
    transport: rabbitmq({ url }),
    signals: false,
    log: false,
  })
  await app.start()
  broker.remember(namespace, app.topology.channels)
  await app.publish(new OrderPlaced({ total: 3 }))
  await eventually(() => taken.length === 1)
  await app.stop()

  for (const line of ['const app = createApp({', "name: 'shop',", 'services: [Billing],', 'transport: rabbitmq({ url', 'await app.start()']) expect(snippet).toContain(line)
})
