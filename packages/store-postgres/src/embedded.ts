import { lockDirectory, type Runtime, WaybillError } from '@waybill/core'
import type { PGlite } from '@electric-sql/pglite'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ClientConfig } from 'pg'

/** PGlite in this process, and what `pg` needs to talk to it. */
export interface Embedded {
  readonly config: ClientConfig
  close(): Promise<void>
}

/** Opens the database in a folder that no other process uses, or one in memory. */
export async function openEmbedded(folder: string | undefined, runtime: Runtime): Promise<Embedded> {
  const { lite, config } = await load()
  const unlock = folder === undefined ? () => undefined : lockDirectory(folder, { name: 'waybill.lock', runtime, occupied: (by, file) => occupied(folder, by, file) })
  try {
    const database = await lite.create(folder === undefined ? undefined : dataIn(folder))

    return {
      config: config(database),
      async close() {
        await database.close()
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

// PGlite makes its files in an empty folder only, so the lock lies beside them.
function dataIn(folder: string): string {
  const data = join(resolve(folder), 'pgdata')
  mkdirSync(data, { recursive: true })

  return data
}

interface Loaded {
  readonly lite: typeof PGlite
  config(database: PGlite): ClientConfig
}

async function load(): Promise<Loaded> {
  try {
    const [{ PGlite: lite }, { createPgConfig }] = await Promise.all([import('@electric-sql/pglite'), import('@electric-sql/pglite/node-postgres')])

    return { lite, config: (database) => createPgConfig(database) as ClientConfig }
  } catch (cause) {
    throw new WaybillError('EMBEDDED_MISSING', 'The option "embedded" of postgres() needs PGlite, which is not installed. Run: npm install -E @electric-sql/pglite@0.5.16', {
      cause,
    })
  }
}

// PGlite does not look.
function occupied(folder: string, by: string | undefined, file: string): WaybillError {
  return new WaybillError(
    'EMBEDDED_IN_USE',
    `The embedded database in "${folder}" was expected to be free; ${by ?? 'another store of this process'} has it open, and two in one folder lose each other's rows. ` +
      `Stop that one, take another folder, or use a PostgreSQL server. If it is certainly gone, delete "${file}".`,
  )
}
