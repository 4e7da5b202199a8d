import { Command, Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { Database } from '@waybill/outbox'
import type { MemoryTables } from '@waybill/store-memory'
import { z } from 'zod'

const step = z.object({ customer: z.string(), n: z.number(), fails: z.number() })

export class Take extends Command('desk.take', { channel: 'desk', key: 'customer', payload: step }) {}
export class Taken extends Event('desk.taken', { channel: 'desk', key: 'customer', payload: step }) {}

const retry = { attempts: 4, backoff: ['20ms', '100ms'] } as const

/** What a service did for one message: how often, and in which place of its key. */
export interface Done {
  readonly customer: string
  readonly n: number
  readonly times: number
  readonly place: number
}

@Service()
export class Customers {
  constructor(@Publisher(Take) readonly take: Publish<Take>) {}
}

@Service('desk')
export class Desk {
  #tries = new Map<string, number>()

  constructor(
    private readonly database: Database,
    @Publisher(Taken) private readonly taken: Publish<Taken>,
  ) {}

  @Listener(Take, { concurrency: 4, retry })
  async hear(message: Take): Promise<void> {
    await note(this.database, 'desk', message)
    await this.taken({ customer: message.customer, n: message.n, fails: message.fails })
    this.#failNow(message)
  }

  /** After everything is written and published: a rollback has something to take back. */
  #failNow({ customer, n, fails }: Take): void {
    const id = `${customer}/${n}`
    const tries = (this.#tries.get(id) ?? 0) + 1
    this.#tries.set(id, tries)
    if (tries <= fails) throw new Error('not yet')
  }
}

@Service('store')
export class Storehouse {
  constructor(private readonly database: Database) {}

  @Listener(Taken, { concurrency: 4, retry })
  async hear(message: Taken): Promise<void> {
    await note(this.database, 'store', message)
  }
}

async function note(database: Database, table: string, { customer, n }: { readonly customer: string; readonly n: number }): Promise<void> {
  const tables = database.client<MemoryTables>()
  const place = ((await tables.lock<number>(`${table}-places`, customer)) ?? 0) + 1
  await tables.set(`${table}-places`, customer, place)
  const id = `${customer}/${n}`
  const known = await tables.get<Done>(table, id)
  await tables.set(table, id, { customer, n, times: (known?.times ?? 0) + 1, place: known?.place ?? place } satisfies Done)
}
