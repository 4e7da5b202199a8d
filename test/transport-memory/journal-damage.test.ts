import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readFile } from '../../packages/transport-memory/src/journal/read-file.js'
import { type EntryRecord, readRecord } from '../../packages/transport-memory/src/journal/record.js'
import { Replay } from '../../packages/transport-memory/src/journal/replay.js'
import { message, messages } from './bench.js'
import { benchIn, folderWith, type Held, journalOf, newFolder, nextProcess, sizeOf } from './journal-bed.js'

const all = { types: 'all', keyed: false } as const

interface Checkpoint {
  readonly size: number
  readonly held: Held
}

/** A small history, and what was told to be safe when the journal had this size. */
async function history(): Promise<{ readonly journal: Buffer; readonly checkpoints: readonly Checkpoint[] }> {
  const folder = newFolder()
  const app = await benchIn(folder).app()
  const checkpoints: Checkpoint[] = [{ size: 0, held: { billing: [], dead: [] } }]
  const note = (billing: readonly string[], dead: readonly string[] = []): void => void checkpoints.push({ size: sizeOf(folder), held: { billing, dead } })
  await app.declare(all)
  note([])
  app.publish(message('a'))
  note(['a/0'])
  app.publish(message('b', { key: 'k' }))
  note(['a/0', 'b/0'])
  const billing = await app.listen('billing', 1)
  note(['a/1', 'b/0'])
  app.publish(message('letter', {}, { kind: 'dead', channel: 'orders', group: 'billing' }))
  note(['a/1', 'b/0'], ['letter'])
  await billing.consumer.stop()
  app.bench.runtime.settle()
  app.publish(message('brief', { expiresMs: 5 }))
  note(['a/1', 'b/0', 'brief/0'], ['letter'])
  await app.transport.dead.take({ channel: 'orders', group: 'billing' }, 1, async () => 'remove')
  app.bench.runtime.settle()
  note(['a/1', 'b/0', 'brief/0'])

  return { journal: journalOf(folder), checkpoints }
}

/** What was safe at the last checkpoint before, or already what the next turn did. */
function isKept(held: Held, cut: number, checkpoints: readonly Checkpoint[]): boolean {
  const last = checkpoints.findLastIndex(({ size }) => size <= cut)

  return checkpoints.slice(last, last + 2).some((checkpoint) => JSON.stringify(checkpoint.held) === JSON.stringify(held))
}

function heldIn(replay: Replay): Held {
  const entries = replay.entries()
  const textsIn = (name: string): readonly EntryRecord[] => entries.filter(({ queue }) => queue === name)

  return {
    billing: textsIn('orders.billing').map(({ message: { body }, deliveries }) => `${Buffer.from(body).toString()}/${deliveries}`),
    dead: textsIn('orders.billing.dead').map(({ message: { body } }) => Buffer.from(body).toString()),
  }
}

describe('a journal that was cut or damaged', () => {
  test('cut at any byte it holds everything that was confirmed before, in order', async () => {
    const { journal, checkpoints } = await history()
    const wrong: string[] = []
    const path = join(folderWith(journal), 'journal')
    const handle = await open(path, 'r+')

    for (let cut = journal.length; cut >= 0; cut--) {
      await handle.truncate(cut)
      const replay = new Replay()
      const { end, cutBytes } = await readFile(path, handle, (payload) => readRecord(payload, replay))
      if (end + cutBytes !== cut) wrong.push(`cut at ${cut}: it ends at ${end} and ${cutBytes} bytes are cut off`)
      if (!isKept(heldIn(replay), cut, checkpoints)) wrong.push(`cut at ${cut}: ${JSON.stringify(heldIn(replay))}`)
    }
    await handle.close()

    expect(wrong).toEqual([])
    expect(journal.length).toBeGreaterThan(1_000)
  })

  test('cut anywhere it is opened, and its broker goes on', async () => {
    const { journal, checkpoints } = await history()
    const cuts = [...Array.from({ length: Math.ceil(journal.length / 40) }, (_, n) => n * 40), ...checkpoints.flatMap(({ size }) => [size - 1, size, size + 1])]
    const wrong: string[] = []

    for (const cut of cuts.filter((one) => one >= 0 && one <= journal.length)) {
      const folder = folderWith(journal.subarray(0, cut))
      const { app, held } = await nextProcess(folder)
      app.publish(message('after'))
      await app.bench.broker.close()
      const next = await nextProcess(folder)
      if (!isKept(held, cut, checkpoints)) wrong.push(`cut at ${cut}: ${JSON.stringify(held)}`)
      if (next.held.billing.at(-1) !== 'after/0') wrong.push(`cut at ${cut}: what came next is not there`)
    }

    expect(wrong).toEqual([])
  })

  test('what was cut off is told with file, place and size, and what comes next stands behind what is whole', async () => {
    const { journal } = await history()
    const folder = folderWith(journal.subarray(0, journal.length - 3))

    const { app } = await nextProcess(folder)
    app.publish(message('after'))
    const { held } = await nextProcess(folderWith(journalOf(folder)))

    expect(app.bench.log.filter((line) => line.includes('cut short'))).toEqual([expect.stringMatching(/"file":".*journal","at":\d+,"cutBytes":\d+/)])
    expect(held.billing.at(-1)).toBe('after/0')
  })

  test('any byte that is broken before the last record refuses the start, naming file, place, expected and found', { timeout: 60_000 }, async () => {
    const { journal } = await history()
    const lastRecord = journal.length - 21
    const survived: number[] = []
    for (let at = 0; at < lastRecord; at += 7) {
      const broken = Buffer.from(journal)
      broken[at] = (broken[at] ?? 0) ^ 0x41
      const folder = folderWith(broken)
      const error: unknown = await benchIn(folder)
        .app()
        .catch((found: unknown) => found)
      const isTold = error instanceof Error && /^The journal ".*journal" cannot be read at byte \d+: expected .+, found .+\. /.test(error.message)
      if (!isTold || !journalOf(folder).equals(broken)) survived.push(at)
    }

    expect(survived).toEqual([])
  })

  test('a message whose body is a journal is no record of another one', async () => {
    const { journal } = await history()
    const folder = newFolder()
    const bench = benchIn(folder)
    // Another seed, so another file.
    bench.runtime.random()
    const app = await bench.app()
    await app.declare(all)
    app.publish(message('safe'))
    const size = sizeOf(folder)
    app.publish(message('hostile', { body: journal }))

    const { held } = await nextProcess(folderWith(journalOf(folder).subarray(0, size + journal.length)))

    expect(held.billing).toEqual(['safe/0'])
  })

  test('a journal of a later version is left alone', async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    await bench.app()
    await bench.broker.close()
    const { crc32 } = await import('node:zlib')
    const later = journalOf(folder)
    later.writeUInt32LE(9, 8)
    later.writeUInt32LE(crc32(later.subarray(0, 16)), 16)

    await expect(benchIn(folderWith(later)).app()).rejects.toMatchObject({
      code: 'JOURNAL_BROKEN',
      message: expect.stringContaining('expected version 1 of the format, found version 9'),
    })
  })

  test('many records are read through a window that is smaller than the file', async () => {
    const folder = newFolder()
    const app = await benchIn(folder).app()
    await app.declare(all)
    const body = Buffer.alloc(700_000, 'x')
    app.publish(...messages(5, { body }), message('last'))

    const { app: heir } = await nextProcess(folderWith(journalOf(folder)))
    const billing = await heir.listen('billing', 10)

    expect(billing.received.map((delivery) => delivery.body.length)).toEqual([...Array(5).fill(700_000), 4])
  })
})
