import { createApp, Event, Listener, Service } from '@waybill/core'
import { metrics } from '@waybill/metrics'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'
import { onExpress } from './express.js'
import { onFastify } from './fastify.js'
import { onHono } from './hono.js'

class Paid extends Event('paid', { payload: z.object({ euros: z.number() }) }) {}

@Service('till')
class Till {
  onSecond: () => void = () => undefined
  #euros = 0

  @Listener(Paid, { concurrency: 1, retry: false })
  take({ euros }: Paid): void {
    this.#euros += euros
    if (this.#euros === 7) this.onSecond()
  }
}

const observed = metrics()
const app = createApp({ name: 'till', services: [Till], transport: memory(), plugins: [observed], log: false })
await app.start()

const bothPaid = new Promise<void>((resolve) => {
  app.get(Till).onSecond = resolve
})
await app.publish([new Paid({ euros: 3 }), new Paid({ euros: 4 })])
await bothPaid

for (const [name, serve] of Object.entries({ Fastify: onFastify, Express: onExpress, Hono: onHono })) {
  const site = await serve(observed)
  const [told, live, ready] = await Promise.all(['/metrics', '/health/live', '/health/ready'].map((path) => site.get(path)))
  const lines = (await told?.text())?.split('\n') ?? []
  console.log(`${name}: live ${live?.status}, ready ${ready?.status}`)
  for (const line of lines) if (/^messaging_client_(sent|consumed)_messages_total{/.test(line)) console.log(`  ${line}`)
  await site.close()
}
await app.stop()
