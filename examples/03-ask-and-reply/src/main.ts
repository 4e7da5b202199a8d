import { type Ask, createApp, Listener, Publisher, Query, RemoteError, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'

class GetPrice extends Query('price.get', {
  payload: z.object({ item: z.string() }),
  reply: z.object({ cents: z.number(), validUntil: z.coerce.date<string>() }),
}) {}

@Service('prices')
class Prices {
  // It answers what the reply's schema takes in; who asks gets what the schema makes of it.
  @Listener(GetPrice, { retry: false })
  find({ item }: GetPrice): { cents: number; validUntil: string } {
    if (item === 'unicorn') throw Object.assign(new Error('there are no unicorns'), { code: 'UNKNOWN_ITEM' })

    return { cents: 250, validUntil: '2030-06-01' }
  }
}

@Service()
class Till {
  constructor(@Publisher(GetPrice) private readonly price: Ask<GetPrice>) {}

  async total(item: string, count: number): Promise<string> {
    const { cents, validUntil } = await this.price({ item }, { timeout: '2s' })

    return `${count} ${item}: ${(count * cents) / 100} until ${validUntil.getFullYear()}`
  }
}

const app = createApp({ name: 'ask', services: [Prices, Till], transport: memory(), log: false })
await app.start()
const till = app.get(Till)

console.log(await till.total('apples', 4))

const totals = await Promise.all(['plums', 'pears', 'nuts'].map((item, i) => till.total(item, i + 1)))
console.log(totals.join(', '))

await till.total('unicorn', 1).catch((error: unknown) => {
  if (error instanceof RemoteError) console.log(`${error.code}: ${error.message}`)
})
await app.stop()
