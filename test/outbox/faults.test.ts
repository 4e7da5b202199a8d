import { ConfigError, createApp, Service } from '@waybill/core'
import { Database, outbox, Transactional } from '@waybill/outbox'
import { memoryStore } from '@waybill/store-memory'
import { memory } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'

async function faultsOf(parts: Partial<Parameters<typeof createApp>[0]>): Promise<readonly { readonly code: string; readonly message: string }[]> {
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory(), ...parts } as Parameters<typeof createApp>[0])
  try {
    await app.start()
  } catch (error) {
    return error instanceof ConfigError ? error.faults : []
  } finally {
    await app.stop()
  }

  return []
}

test('every wrong option of an outbox is told at start, with a suggestion', async () => {
  const faults = await faultsOf({ plugins: [outbox(memoryStore(), { page: 0, lease: '1ms', atempts: 3, relay: 'no' } as never)] })

  expect(faults.map(({ code }) => code).sort()).toEqual(['DURATION', 'NUMBER', 'OUTBOX_OPTIONS', 'UNKNOWN_OPTION'])
  expect(faults.map(({ message }) => message).join(' ')).toContain('Did you mean "attempts"?')
})

test('an outbox without a store, and two of them, are told at start', async () => {
  const missing = await faultsOf({ plugins: [outbox(5 as never)] })
  const none = await faultsOf({ plugins: [outbox(...([] as unknown as [never]))] })
  const two = await faultsOf({ plugins: [outbox(memoryStore()), outbox(memoryStore())] })

  expect(missing).toEqual([{ code: 'STORE', message: expect.stringContaining('found 5') }])
  expect(none).toEqual([{ code: 'STORE', message: expect.stringContaining('outbox() takes a store first') }])
  expect(two.map(({ code }) => code)).toEqual(['SEVERAL_STORES'])
})

test('a service that asks for the database of an app without a store is told what to add', async () => {
  @Service()
  class Rows {
    constructor(readonly database: Database) {}
  }
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory() })
  onTestFinished(() => app.stop())
  await app.start()
  const add = expect.stringContaining('Database, and the app has no store. Add one: plugins: [outbox(memoryStore())]')

  expect(await faultsOf({ services: [Rows] })).toEqual([{ code: 'NO_STORE', message: add }])
  expect(() => app.get(Database)).toThrow(expect.objectContaining({ code: 'NO_STORE', message: add }))
})

test('wrong options of a store are told at start', async () => {
  const faults = await faultsOf({ plugins: [outbox(memoryStore({ database: 'here' } as never))] })

  expect(faults.map(({ code }) => code)).toEqual(['MEMORY_DATABASE'])
})

test('wrong options of a transaction are told at start, with the method', async () => {
  @Service()
  class Orders {
    @Transactional({ propagation: 'requird', isolation: 'chaos', timeout: 'soon', attempts: 0 } as never)
    async place(): Promise<void> {
      await Promise.resolve()
    }
  }

  const faults = await faultsOf({ services: [Orders], plugins: [outbox(memoryStore())] })

  expect(faults.map(({ code }) => code).sort()).toEqual(['DURATION', 'NUMBER', 'TRANSACTION_OPTIONS', 'TRANSACTION_OPTIONS'])
  expect(faults.every(({ message }) => message.includes('Orders.place'))).toBe(true)
  expect(faults.map(({ message }) => message).join(' ')).toContain('Did you mean "required"?')
})

test('a method that is transactional just runs on an instance made by hand', async () => {
  @Service()
  class Orders {
    @Transactional()
    async place(): Promise<string> {
      return 'placed'
    }
  }

  expect(await new Orders().place()).toBe('placed')
})

test('an operator hears that the app does not run', async () => {
  const box = outbox(memoryStore())

  await expect(box.parked()).rejects.toMatchObject({ code: 'NOT_STARTED' })
  await expect(box.cancelTimer('t')).rejects.toMatchObject({ code: 'NOT_STARTED' })
})

test('an app without a store refuses a transaction with a sentence', async () => {
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory() })
  await app.start()

  await expect(app.transaction(async () => undefined)).rejects.toMatchObject({ code: 'NO_STORE' })
  await app.stop()
})
