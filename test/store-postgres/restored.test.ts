import { createApp } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { eventually } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Bed, beds, drain, hostOf, message, silent, write } from './bed.js'
import { Audience, Placed } from './placed.js'

/** An app on this schema. */
function appOn(bed: Bed, options: Parameters<Bed['made']>[0]) {
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const box = outbox(bed.made(options), { lease: '300ms' })
  const app = createApp({ name: 'shop', services: [Audience], transport: memory(), plugins: [box], signals: false, log: { ...silent, warn: note } })
  onTestFinished(() => app.stop())

  return { app, box, lines, place: (n: number): Promise<void> => app.transaction(() => app.publish(new Placed({ n }))) }
}

describe.each(beds)('a restored copy of %s', (_, makeBed) => {
  const bed = makeBed()

  /** The cluster is another, and its transactions have not reached the numbers that the cursor knows. */
  const restore = (schema: string) => bed.sql(`UPDATE "${schema}".outbox_cursor SET cluster = 1, prev = '900000000:900000000:', win = NULL, pos = 0`)

  it('O13 that takes the place of the database under a relay is not read on, and loses nothing once it is rebased', async () => {
    const schema = bed.schema()
    const { app, box, lines, place } = appOn(bed, { schema })
    await app.start()
    await place(1)
    await eventually(() => app.get(Audience).heard.length === 1)

    await restore(schema)
    await eventually(() => lines.some((line) => line.includes('was last read in another database cluster')))
    await place(2)
    const [before] = await box.status()
    await box.rebase()
    await eventually(() => app.get(Audience).heard.includes(2), { within: 10_000 })

    expect(before?.owner).toBe(undefined)
  })

  it('O13 is refused at start with what to do, and does it', async () => {
    const schema = bed.schema()
    const written = await bed.store({ schema })
    await write(written, message('read', { shard: 'memory' }))
    await drain(written, 'memory')
    await restore(schema)

    await expect(appOn(bed, { schema }).app.start()).rejects.toMatchObject({
      code: 'OUTBOX_RESTORED',
      message: expect.stringContaining('start with postgres({ restored: "rebase" })'),
    })
    const { app, lines, place } = appOn(bed, { schema, restored: 'rebase' })
    await app.start()
    await place(3)
    await eventually(() => app.get(Audience).heard.length === 1)

    expect(lines[0]).toContain('The outbox of memory was rebased in a restored copy')
  })

  it('keeps what is in it until it is rebased, and is rebased once by many', async () => {
    const schema = bed.schema()
    const store = await bed.store({ schema })
    await write(store, message('early'))
    await drain(store)
    await restore(schema)
    await bed.sql(`SELECT setval('"${schema}".outbox_seq', 1600000)`)
    await store.outbox.clean()
    const kept = await bed.sql(`SELECT count(*)::int AS rows FROM "${schema}".outbox`)
    await Promise.all([1, 2, 3].map(() => bed.made({ schema, restored: 'rebase' }).open(hostOf())))

    expect(kept).toEqual([{ rows: 1 }])
    expect(await bed.sql(`SELECT epoch::int FROM "${schema}".outbox_cursor`)).toEqual([{ epoch: 2 }])
    expect(await drain(store)).toEqual(['early'])
  })
})
