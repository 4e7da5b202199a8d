import { type AppOptions, CommitUnknown, createApp, StoreUnavailable } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { eventually, type FaultProxy, faultProxy } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Bed, drain, flush, hostOf, message, serverBed, silent, url, write } from './bed.js'

describe('a database that goes away', () => {
  const bed = serverBed()
  const server = new URL(url)
  let proxy: FaultProxy
  beforeEach(async () => {
    proxy = await faultProxy({ to: { host: server.hostname, port: Number(server.port || 5432) } })
  })
  afterEach(() => proxy.close())
  const parts = (bed: Bed): AppOptions => ({ name: 'shop', services: [], signals: false, transport: memory(), plugins: [outbox(bed.made({ url: around() }))] })
  const around = () => Object.assign(new URL(url), { host: `${proxy.host}:${proxy.port}` }).href

  it('O12 a connection that is cut fails what ran on it, and the next call gets another', async () => {
    const store = await bed.store({ url: around() })
    const { transaction } = await store.begin({})
    await transaction.query?.('SELECT 1')
    proxy.reset()

    await expect(transaction.query?.('SELECT 1')).rejects.toBeInstanceOf(StoreUnavailable)
    await transaction.rollback()
    await eventually(() => write(store, message('after')))
    expect(await drain(store)).toEqual(['after'])
  })

  it('O12 a commit whose answer is lost is neither yes nor no', async () => {
    const store = await bed.store({ url: around() })
    const { transaction } = await store.begin({})
    await transaction.query?.('SELECT 1')
    proxy.drop('down')
    const commit = transaction.commit(flush({ outbox: [message('maybe')] }))
    const before = proxy.bytes.up
    await eventually(() => proxy.bytes.up > before || proxy.bytes.up > 0)
    proxy.reset()

    await expect(commit).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN', constructor: CommitUnknown })
  })

  it('O12 an app that starts before its database waits for it, and a stop ends the wait', async () => {
    proxy.refuse()
    const store = bed.made({ url: around() })
    const opened = store.open(hostOf())
    const other = bed.made({ url: around() })
    const given = other.open(hostOf())
    await other.close(100)
    await proxy.heal()

    await expect(given).rejects.toBeInstanceOf(StoreUnavailable)
    expect((await opened).database).toMatch(/^PostgreSQL \d+/)
  })

  it('O12 an app whose database is away at start says so, and once more when it is there', async () => {
    proxy.refuse()
    const lines: string[] = []
    const note = (text: string): void => void lines.push(text)
    const app = createApp({ ...parts(bed), log: { ...silent, warn: note, info: note } })
    const started = app.start()
    await eventually(() => lines.length > 0)
    const away = lines.splice(0)
    await proxy.heal()
    await started
    const [back] = lines
    await app.stop()

    expect(away).toEqual([expect.stringMatching(/^The store "postgres" cannot be reached yet and is tried on: .*Is its address right, and does it run\?$/)])
    expect(back).toMatch(/^The store "postgres": connected again after \d+ s$/)
  })

  it('O12 an app that gives its database up says that it is the database', async () => {
    proxy.refuse()
    const app = createApp({ ...parts(bed), log: false, startDeadline: '100ms' })

    await expect(app.start()).rejects.toMatchObject({ code: 'START_DEADLINE', message: expect.stringMatching(/The store "postgres" is not connected.* Start its database, /) })
  })

  it('O12 a pool without a free connection says so in time, and goes on', async () => {
    const store = await bed.store({ connections: 3, connectTimeout: '50ms' })
    const open = await Promise.all([1, 2, 3].map(async () => (await store.begin({})).transaction))

    await expect(store.begin({})).rejects.toBeInstanceOf(StoreUnavailable)
    await Promise.all(open.map((transaction) => transaction.rollback()))
    await write(store, message('after'))
    expect(await drain(store)).toEqual(['after'])
  })

  it('a wrong database is said at once', async () => {
    const store = bed.made({ url: Object.assign(new URL(url), { pathname: '/nothing_like_this' }).href })

    await expect(store.open(hostOf())).rejects.toMatchObject({ code: 'POSTGRES_REFUSED' })
  })
})
