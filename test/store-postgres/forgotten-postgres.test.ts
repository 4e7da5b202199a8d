import { inspect } from 'node:util'
import { createApp, Service } from '@waybill/core'
import { Database, outbox, Transactional } from '@waybill/outbox'
import { eventually } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { expect, it, onTestFinished } from 'vitest'
import { serverBed } from './bed.js'

interface Client {
  query(statement: string): Promise<unknown>
}

@Service('careless')
class Careless {
  left: Promise<unknown> | undefined
  lent: Client | undefined

  constructor(private readonly database: Database) {}

  @Transactional()
  async forget(): Promise<void> {
    this.left = this.database.query('SELECT pg_sleep(20)')
  }

  @Transactional()
  async forgetAndThrow(): Promise<void> {
    this.left = this.database.client<Client>().query('SELECT pg_sleep(20)')
    throw new Error('changed its mind')
  }

  @Transactional()
  async both(): Promise<void> {
    await Promise.all([this.database.query('SELECT 1'), this.database.query('SELECT 2')])
  }

  @Transactional()
  async bothByClient(): Promise<void> {
    const client = this.database.client<Client>()
    await Promise.all([client.query('SELECT 1'), client.query('SELECT 2')])
  }

  @Transactional()
  async lend(): Promise<void> {
    this.lent = this.database.client<Client>()
  }
}

const bed = serverBed()

async function startCareless(): Promise<Careless> {
  const app = createApp({ name: 'test', services: [Careless], signals: false, log: false, transport: memory(), plugins: [outbox(bed.made())] })
  onTestFinished(() => app.stop())
  await app.start()

  return app.get(Careless)
}

it.each([
  ['forget', { code: 'FORGOTTEN_AWAIT' }],
  ['forgetAndThrow', { message: 'changed its mind' }],
] as const)('a statement that nobody awaits fails its transaction and not the process: %s', async (method, told) => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  const careless = await startCareless()

  await expect(careless[method]()).rejects.toMatchObject(told)
  await eventually(() => inspect(careless.left).includes('rejected'))
  await new Promise((resolve) => setImmediate(resolve))

  expect(unhandled).toEqual([])
})

it.each([
  ['both', 'PARALLEL_QUERY', 'Careless.both used the database while another statement of the same transaction was running'],
  ['bothByClient', 'PARALLEL_STATEMENTS', 'Careless.bothByClient ran two statements at once in one transaction'],
] as const)('of two statements at once the second is refused with the name of its method: %s', async (method, code, text) => {
  const careless = await startCareless()

  await expect(careless[method]()).rejects.toMatchObject({ code, message: expect.stringContaining(text) })
})

it('a client that is used after its transaction has ended is refused with the name of the method that it was lent to', async () => {
  const careless = await startCareless()
  await careless.lend()

  await expect(careless.lent?.query('SELECT 1')).rejects.toMatchObject({
    code: 'TRANSACTION_ENDED',
    message: expect.stringContaining('Careless.lend ran a statement in its transaction, which is committed'),
  })
})
