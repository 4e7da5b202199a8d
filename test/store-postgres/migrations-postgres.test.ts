import { migrationSql } from '@waybill/store-postgres'
import { describe, expect, it } from 'vitest'
import { drain, hostOf, message, serverBed, url, write } from './bed.js'

describe('the tables of the store', () => {
  const bed = serverBed()

  it('ten processes that start at once make them once', async () => {
    const schema = bed.schema()
    const stores = Array.from({ length: 10 }, () => bed.made({ schema, connections: 3 }))
    await Promise.all(stores.map((store) => store.open(hostOf())))

    expect(await bed.sql(`SELECT version FROM "${schema}".migration`)).toEqual([{ version: 1 }])
  })

  it('who runs them by hand gets them as plain SQL, which may run twice, and the app only looks', async () => {
    const schema = bed.schema()
    await expect(bed.store({ schema, migrate: false })).rejects.toMatchObject({ code: 'STORE_NOT_MIGRATED' })
    await bed.sql(migrationSql(schema))
    await bed.sql(migrationSql(schema))
    const store = await bed.store({ schema, migrate: false })
    await write(store, message('a'))

    expect(await drain(store)).toEqual(['a'])
  })

  it('tables of a later version are refused, and two versions of an app run side by side until then', async () => {
    const schema = bed.schema()
    const running = await bed.store({ schema })
    await bed.sql(`INSERT INTO "${schema}".migration (version, name, shape) SELECT 99, 'later', shape FROM "${schema}".migration`)
    await write(running, message('a'))

    expect(await drain(running)).toEqual(['a'])
    await expect(bed.store({ schema })).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
  })

  it('a column that was changed by hand is named', async () => {
    const schema = bed.schema()
    await bed.store({ schema })
    await bed.sql(`ALTER TABLE "${schema}".timer DROP COLUMN subject`)

    await expect(bed.store({ schema })).rejects.toThrow(/"timer.subject" is to be text, found nothing/)
  })

  it('a key that was dropped by hand is named, for without it an effect would happen twice', async () => {
    const schema = bed.schema()
    await bed.store({ schema })
    await bed.sql(`ALTER TABLE "${schema}".inbox DROP CONSTRAINT inbox_pkey`)

    await expect(bed.store({ schema })).rejects.toMatchObject({
      code: 'STORE_TABLES',
      message: expect.stringContaining('"inbox_pkey" is to be PRIMARY KEY (day, grp, key), found nothing'),
    })
  })

  it('a table that is dropped while the app runs is named by what needs it', async () => {
    const schema = bed.schema()
    const store = await bed.store({ schema })
    await bed.sql(`DROP TABLE "${schema}".timer`)

    await expect(store.timers.nextDueMs(['publish'])).rejects.toMatchObject({ code: 'STORE_TABLES', message: expect.stringContaining('Undo what was changed by hand') })
    await write(store, message('a'))
    expect(await drain(store)).toEqual(['a'])
  })

  it('a user without rights is told so', async () => {
    const role = bed.schema()
    await bed.sql(`CREATE ROLE ${role} LOGIN`)
    const poor = bed.made({ url: Object.assign(new URL(url), { username: role }).href })

    await expect(poor.open(hostOf())).rejects.toMatchObject({ code: 'STORE_RIGHTS' })
    await poor.close(1_000)
    await bed.sql(`DROP ROLE ${role}`)
  })

  it('two apps keep apart in one database by their schemas', async () => {
    const [one, two] = [await bed.store(), await bed.store()]
    await write(one, message('of one'))

    expect(await drain(two)).toEqual([])
    expect(await drain(one)).toEqual(['of one'])
  })
})
