import { Command, createApp, Event, Listener, Publisher, Service } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { Saga, sagas, startedBy } from '@waybill/saga'
import { eventually } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { faultless } from '../simulation/seeds.js'
import { serverBed } from '../store-postgres/bed.js'

const payload = z.object({ n: z.number() })

class Wanted extends Event('visa.wanted', { payload }) {}
class Given extends Event('visa.given', { payload }) {}
class Refused extends Event('visa.refused', { payload }) {}
class Apply extends Command('office.apply', { payload }) {}
class Withdraw extends Command('office.withdraw', { payload }) {}
class Granted extends Event('office.granted', { payload }) {}

let applied = 0

/** An office that takes months. */
@Service('office')
class Office {
  @Listener(Apply)
  @Publisher(Granted)
  async apply(): Promise<Granted | undefined> {
    applied++

    return undefined
  }
}

@Saga('visa', { version: 1, deadline: '90d' })
class Visa {
  readonly flow = startedBy(Wanted, { id: ({ n }) => `${n}`, state: ({ n }) => ({ n }) })
    .step('apply', (step) =>
      step
        .send(Apply, (s) => s)
        .done(Granted)
        .undo(Withdraw, (s) => s)
        .within('60d', 'undo'),
    )
    .ends({ completed: [Given, (s) => s], compensated: [Refused, ({ n = -1 }) => ({ n })] })
}

const bed = serverBed()

test('I8 memory does not grow with the number of sagas that wait', async () => {
  const schema = bed.schema()
  const app = createApp({
    name: 'visas',
    services: [Visa, Office],
    transport: memory(),
    plugins: [outbox(bed.made({ schema })), sagas()],
    signals: false,
    log: false,
  })
  onTestFinished(() => app.stop())
  await app.start()
  const start = async (from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n += 100) await app.publish(Array.from({ length: 100 }, (_, i) => new Wanted({ n: n + i })))
    await eventually(async () => (await open()) === from + count && applied === from + count, { within: 60_000 })
  }
  const open = async (): Promise<unknown> => (await bed.sql(`SELECT count(*)::int AS count FROM "${schema}".saga`))[0]?.['count']

  await start(0, 200)
  const before = faultless.heapBytes()
  await start(200, 1_000)

  expect((faultless.heapBytes() - before) / 1_000, 'bytes of the heap for each').toBeLessThan(3_000)
}, 120_000)
