import { WaybillError } from '@waybill/core'
import { explain } from './database-error.js'
import type { PostgresClient, Row } from './options.js'
import { type Migration, migrations } from './tables.js'

const newest = migrations.length

/**
 * The tables of the store as plain SQL, for those who let nobody but themselves change a database. Running it again changes nothing that is there.
 * Give the app `migrate: false` then, and make its user the owner of the tables: partitions are made and dropped while it runs.
 */
export function migrationSql(schema = 'waybill'): string {
  const steps = migrations.map((migration) => onceOnly(migration, schema))

  return ['BEGIN;', `CREATE SCHEMA IF NOT EXISTS "${schema}";`, `${named(ledger, schema)};`, ...steps, 'COMMIT;', ''].join('\n')
}

function onceOnly(migration: Migration, schema: string): string {
  const condition = named(`IF NOT EXISTS (SELECT FROM {}.migration WHERE version = ${migration.version}) THEN`, schema)

  return `-- ${migration.version}: ${migration.name}\nDO $waybill$ BEGIN\n${condition}\n${statementsOf(migration, schema).join(';\n')};\nEND IF;\nEND $waybill$;`
}

/** Brings the tables to this version, one process at a time; refuses tables of a later one, and those that were changed by hand. */
export async function migrate(client: PostgresClient, schema: string): Promise<void> {
  try {
    await client.query({ text: 'BEGIN' })
    // Held to the end: ten processes that start at once do this one after another.
    await client.query({ text: `SELECT pg_advisory_xact_lock(hashtext('waybill migrations'), hashtext($1))`, values: [schema] })
    await raise(client, schema)
    await client.query({ text: 'COMMIT' })
  } catch (error) {
    await client.query({ text: 'ROLLBACK' }).catch(() => undefined)
    throw explain(error)
  }
}

/** Refuses tables that are missing, of another version, or changed by hand. */
export async function checkTables(client: PostgresClient, schema: string): Promise<void> {
  const found = await versionOf(client, schema)
  if (found < newest) throw behind(schema, found)
  refuseLater(schema, found)
  await compare(client, schema)
}

async function raise(client: PostgresClient, schema: string): Promise<void> {
  const found = await versionOf(client, schema)
  refuseLater(schema, found)
  if (found === 0) await prepareSchema(client, schema)
  for (const migration of migrations.slice(found)) await client.query({ text: statementsOf(migration, schema).join(';\n') })
  if (found > 0) await compare(client, schema)
}

// Who may not make schemas can be given one that is there.
async function prepareSchema(client: PostgresClient, schema: string): Promise<void> {
  const { rows } = await client.query({ text: 'SELECT to_regnamespace($1) IS NOT NULL AS is_there', values: [`"${schema}"`] })
  if (rows[0]?.['is_there'] !== true) await client.query({ text: `CREATE SCHEMA "${schema}"` })
  await client.query({ text: named(ledger, schema) })
}

const ledger = `CREATE TABLE IF NOT EXISTS {}.migration (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), shape jsonb NOT NULL)`

/** Every column of every table with its type, and every key: written down with a version, compared at each start. */
const shape = `
  SELECT coalesce(jsonb_object_agg(part.name, part.is), '{}') AS shape FROM (
    SELECT c.relname || '.' || a.attname AS name, format_type(a.atttypid, a.atttypmod) AS is FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = to_regnamespace('"SCHEMA"') AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE c.relnamespace = to_regnamespace('"SCHEMA"') AND NOT c.relispartition AND k.contype IN ('p', 'u')
  ) AS part`

const shapeOf = (schema: string): string => shape.replaceAll('SCHEMA', schema)

async function versionOf(client: PostgresClient, schema: string): Promise<number> {
  const { rows } = await client.query({ text: 'SELECT to_regclass($1) IS NOT NULL AS is_there', values: [`"${schema}".migration`] })
  if (rows[0]?.['is_there'] !== true) return 0
  const found = await client.query({ text: named('SELECT coalesce(max(version), 0) AS version FROM {}.migration', schema) })

  return Number(found.rows[0]?.['version'] ?? 0)
}

async function compare(client: PostgresClient, schema: string): Promise<void> {
  const recorded = await client.query({ text: named('SELECT shape FROM {}.migration ORDER BY version DESC LIMIT 1', schema) })
  const present = await client.query({ text: shapeOf(schema) })
  const found = partsOf(present.rows[0])
  const differing = [...partsOf(recorded.rows[0])].filter(([name, is]) => found.get(name) !== is)
  if (differing.length === 0) return

  const list = differing.map(([name, is]) => `"${name}" is to be ${is}, found ${found.get(name) ?? 'nothing'}`)
  throw new WaybillError('STORE_TABLES', `The tables in the schema "${schema}" were changed by hand: ${list.join('; ')}. Change them back, or restore the schema.`)
}

function partsOf(row: Row | undefined): ReadonlyMap<string, unknown> {
  const found = row?.['shape']

  return new Map(typeof found === 'object' && found !== null ? Object.entries(found) : [])
}

function statementsOf({ version, name, statements }: Migration, schema: string): readonly string[] {
  const note = `INSERT INTO {}.migration (version, name, shape) SELECT ${version}, '${name}', shape FROM (`

  return [...statements.map((text) => named(text, schema)), `${named(note, schema)}${shapeOf(schema)}) AS found`]
}

function named(text: string, schema: string): string {
  return text.replaceAll('{}', `"${schema}"`)
}

function refuseLater(schema: string, found: number): void {
  if (found <= newest) return
  throw new WaybillError(
    'STORE_TOO_NEW',
    `The tables in the schema "${schema}" are of version ${found}; this code knows up to ${newest}. Start a newer version of the app, or give this one another schema.`,
  )
}

function behind(schema: string, found: number): WaybillError {
  const what = found === 0 ? 'there are none' : `those are of version ${found}`

  return new WaybillError(
    'STORE_NOT_MIGRATED',
    `The schema "${schema}" was expected to hold tables of version ${newest}; ${what}, and "migrate" is false. Run what migrationSql("${schema}") prints, or leave "migrate" out.`,
  )
}
