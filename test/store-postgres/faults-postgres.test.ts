import { CommitUnknown, StoreUnavailable } from '@waybill/core'
import { eventually, type FaultProxy, faultProxy } from '@waybill/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { drain, flush, hostOf, message, serverBed, url, write } from './bed.js'

describe('a database that goes away', () => {
  const bed = serverBed()
  const server = new URL(url)
  let proxy: FaultProxy
  beforeEach(async () => {
    proxy = await faultProxy({ to: { host: server.hostname, port: Number(server.port || 5432) } })
  })
  afterEach(() => proxy.close())
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

    await expect(commit).rejects.toBeInstanceOf(CommitUnknown)
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
