import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { describe, expect, test } from 'vitest'
import { message } from './bench.js'
import { benchIn, newFolder, nextProcess } from './journal-bed.js'

const all = { types: 'all', keyed: false } as const

describe('the folder of a broker', () => {
  test('is made where it is missing, and holds a journal and a lock that names this process', async () => {
    const folder = join(newFolder(), 'a', 'b')

    await benchIn(folder).app()

    expect(JSON.parse(readFileSync(join(folder, 'journal.lock'), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() })
  })

  test('serves one broker at a time: a second one is refused by name and place, and may have it afterwards', async () => {
    const folder = newFolder()
    const first = benchIn(folder)
    const app = await first.app()
    await app.declare(all)
    app.publish(message('kept'))

    await expect(benchIn(folder).app()).rejects.toMatchObject({ code: 'FOLDER_IN_USE', message: expect.stringContaining('another broker of this process has it open') })
    await first.broker.close()
    const { held } = await nextProcess(folder)

    expect(held.billing).toEqual(['kept/0'])
  })

  test('a lock whose process is gone is taken over, also one of another machine that is silent', async () => {
    const folder = newFolder()
    const lock = join(folder, 'journal.lock')
    const old = new Date(2020, 1)
    for (const owner of [
      { pid: 4_194_303, host: hostname(), started: '1' },
      { pid: process.pid, host: hostname(), started: '1' },
      'nonsense',
      { pid: 1, host: 'elsewhere', started: '1' },
    ]) {
      writeFileSync(lock, JSON.stringify(owner))
      utimesSync(lock, old, old)
      const bench = benchIn(folder)

      await bench.app()

      expect(readFileSync(lock, 'utf8')).toContain(`"pid":${process.pid}`)
      await bench.broker.close()
    }
  })

  test('a lock of another machine that is fresh is believed, also where the process there has our number', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'journal.lock'), JSON.stringify({ pid: process.pid, host: 'elsewhere', started: '1' }))

    const refused = benchIn(folder).app()

    await expect(refused).rejects.toMatchObject({ code: 'FOLDER_IN_USE', message: expect.stringContaining(`process ${process.pid} on "elsewhere" has it open`) })
  })

  test('one that is a file, or lies in one, refuses the start with a sentence', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')

    for (const folder of [file, join(file, 'below')]) {
      await expect(benchIn(folder).app()).rejects.toMatchObject({
        code: 'FOLDER_UNUSABLE',
        message: expect.stringMatching(
          /"folder" of memory\(\) was expected to be a folder that this process may write; with ".*file.*" it found: Error: E\w+.*\. Take another folder/,
        ),
      })
    }
  })

  test('a journal that cannot be opened refuses the start, and leaves no lock behind', async () => {
    const folder = newFolder()
    mkdirSync(join(folder, 'journal'))

    await expect(benchIn(folder).app()).rejects.toMatchObject({ code: 'FOLDER_UNUSABLE' })
    await expect(benchIn(folder).app()).rejects.toMatchObject({ code: 'FOLDER_UNUSABLE' })
  })

  test('two apps share one by sharing its broker', async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const [shop, warehouse] = await Promise.all([bench.app('shop'), bench.app('warehouse')])
    await shop.declare(all)
    await warehouse.declare(all)
    shop.publish(message('one'))
    await shop.transport.close(1_000)
    warehouse.publish(message('two'))
    await bench.broker.close()

    const { held } = await nextProcess(folder)

    expect(held.billing).toEqual(['one/0', 'two/0'])
  })

  test('what is wrong with the options is said together, before anything is touched', () => {
    const texts = (options: object): readonly string[] => memory(options).faults.map(({ message: text }) => text)

    expect(texts({ folder: 5, sync: 'often' })).toEqual([
      'memory() has the option "folder": expected the path of a folder, found 5.',
      'memory() has the option "sync": expected "write" or "always", found "often".',
    ])
    expect(texts({ sync: 'always' })).toEqual([expect.stringContaining('expected a "folder" beside it, found none')])
    expect(texts({ foldr: './data' })).toEqual([expect.stringContaining('Did you mean "folder"?')])
    expect(texts({ broker: memoryBroker(), folder: './data' })).toEqual([expect.stringContaining('A shared broker has the folder itself')])
    expect(memoryBroker({ folder: '' } as object).faults.map(({ message: text }) => text)).toEqual([
      'memoryBroker() has the option "folder": expected the path of a folder, found "".',
    ])
  })

  test('a foreign message before any app is connected is rejected, not forgotten', () => {
    const { broker } = benchIn(newFolder())

    expect(broker.send({ routingKey: 'anywhere', body: '' })).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('has not opened its folder yet') })
  })
})
