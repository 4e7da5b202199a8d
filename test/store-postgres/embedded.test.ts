import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgres } from '@waybill/store-postgres'
import { eventually } from '@waybill/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { timesUntilTurn } from '../setup/turns.js'
import { drain, hostOf, message, write } from './bed.js'

describe('the embedded database', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-embedded-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('E2 handlers, relay and timers share its one session, its folder serves one app, and what was kept is there again', async () => {
    writeFileSync(join(folder, 'waybill.lock'), JSON.stringify({ pid: 4_194_303, host: hostname(), started: '1' }))
    const store = postgres({ embedded: folder })
    const capabilities = await store.open(hostOf())
    const timers = Promise.all(Array.from({ length: 20 }, () => store.timers.nextDueMs(['publish'])))
    await Promise.all(Array.from({ length: 20 }, (_, n) => write(store, message(`m${n}`, { key: 'k' }))))
    await timers
    const read = await drain(store)
    const second = postgres({ embedded: folder })

    expect(capabilities).toMatchObject({ durable: true, concurrent: false })
    expect(read).toHaveLength(20)
    expect(readFileSync(join(folder, 'waybill.lock'), 'utf8')).toContain(`"pid":${process.pid}`)
    await expect(second.open(hostOf())).rejects.toMatchObject({ code: 'EMBEDDED_IN_USE', message: expect.stringContaining('another store of this process has it open') })

    await write(store, message('kept'))
    await store.close(5_000)
    const again = postgres({ embedded: folder })
    await again.open(hostOf())
    expect(await drain(again)).toEqual(['kept'])
    await again.close(5_000)
  }, 120_000)

  it('a loop of statements leaves timers, sockets and signals their turn', async () => {
    const store = postgres({ embedded: true })
    await store.open(hostOf())

    expect(await timesUntilTurn(5_000, () => store.timers.nextDueMs(['publish']))).toBeLessThan(5_000)

    await store.close(5_000)
  }, 60_000)

  it('one that is closed while it opens is closed when it has opened, and its folder is free', async () => {
    const other = mkdtempSync(join(folder, 'early-'))
    const store = postgres({ embedded: other })
    const opening = expect(store.open(hostOf())).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    await eventually(() => existsSync(join(other, 'waybill.lock')))

    await store.close(5_000)
    await opening

    expect(existsSync(join(other, 'waybill.lock'))).toBe(false)
  }, 60_000)
})

describe('the options', () => {
  it('all that is wrong with them is said together, and no password', () => {
    const { faults } = postgres({
      url: 'mysql://me:secret@host',
      pool: { connect: () => Promise.reject(new Error('no')) },
      schema: 'Bad Name',
      connections: 1,
      connectTimeout: '0s',
    })
    const text = faults.map((fault) => fault.message).join('\n')

    expect(faults.map(({ code }) => code)).toEqual(Array(5).fill('POSTGRES_OPTION'))
    expect(text).not.toContain('secret')
    expect(postgres({ embedded: true }).faults).toEqual([])
  })
})
