import { Locks } from './locks.js'
import { Shard } from './shard.js'

interface Row {
  readonly value: unknown
  /** The commit that wrote it. */
  readonly commit: number
}

/** What one namespace keeps: rows by `table/key`, and the shards of its outbox. */
export class Space {
  readonly locks = new Locks()
  readonly shards = new Map<string, Shard>()
  readonly watchers = new Set<(shard: string) => void>()
  readonly #tables = new Map<string, Map<string, Row>>()
  #commits = 0
  #sequence = 0n

  get commits(): number {
    return this.#commits
  }

  row(row: string): Row | undefined {
    return this.#tables.get(tableOf(row))?.get(row)
  }

  apply(written: ReadonlyMap<string, unknown>): void {
    this.#commits++
    for (const [row, value] of written) {
      if (value === undefined) this.#delete(row)
      else this.#made(tableOf(row)).set(row, { value, commit: this.#commits })
    }
  }

  /** Every committed row of a table, in the order in which they were first written. */
  *table(name: string): Generator<readonly [row: string, value: unknown]> {
    for (const [row, { value }] of this.#tables.get(name) ?? []) yield [row, value]
  }

  nextSequence(): bigint {
    return ++this.#sequence
  }

  shard(name: string): Shard {
    const known = this.shards.get(name)
    if (known) return known
    const made = new Shard()
    this.shards.set(name, made)

    return made
  }

  /** A table ends with its last row: a saga has one of its own. */
  #delete(row: string): void {
    const table = this.#tables.get(tableOf(row))
    table?.delete(row)
    if (table?.size === 0) this.#tables.delete(tableOf(row))
  }

  #made(table: string): Map<string, Row> {
    const known = this.#tables.get(table)
    if (known) return known
    const made = new Map<string, Row>()
    this.#tables.set(table, made)

    return made
  }
}

/** The name of a row: unique for its table and the parts of its key. */
export function rowOf(table: string, ...key: readonly (string | number)[]): string {
  return `${table}/${key.length === 1 ? key[0] : JSON.stringify(key)}`
}

function tableOf(row: string): string {
  return row.slice(0, row.indexOf('/'))
}
