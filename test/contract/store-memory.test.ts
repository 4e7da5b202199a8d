import { MemoryTables, memoryDatabase, memoryStore } from '@waybill/store-memory'
import { storeContract, type StoreSubject } from '@waybill/testing/contract'
import { test } from 'vitest'

const tablesOf = (client: unknown): MemoryTables => {
  if (client instanceof MemoryTables) return client
  throw new TypeError('The client of a memory transaction is its tables.')
}

function subject(): StoreSubject {
  const database = memoryDatabase()

  return {
    name: 'memory',
    create: () => memoryStore({ database }),
    put: ({ client }, key, value) => tablesOf(client).set('contract', key, value),
    get: async (store, key) => {
      const { transaction } = await store.begin({})
      const value = await tablesOf(transaction.client).get<string>('contract', key)
      await transaction.rollback()

      return value
    },
    foreign: (transaction) => transaction,
    cut: async () => database.disconnect(),
  }
}

test.each(storeContract())('$title', async ({ run }) => run(subject()))
