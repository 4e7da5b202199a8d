import { type Duration, type Fault, parseDuration, unknownOptions } from '@waybill/core'
import type { ConnectionOptions } from 'node:tls'

export interface PostgresOptions {
  /** `postgresql://user:password@host:5432/database`, special characters percent-encoded. */
  readonly url?: string
  /** A pool of `pg` of your own. It is not closed by the store. Round trips are fused only if it was made with `pipeline: true`. */
  readonly pool?: PostgresPool
  /** PGlite in this process: the folder that keeps the data, or `true` for one in memory that goes with the process. */
  readonly embedded?: string | true
  /** Where the store's tables lie. Two apps in one database take two. Default: `waybill`. */
  readonly schema?: string
  /** The most connections of the store's own pool. Default: 10. */
  readonly connections?: number
  /** For one try to connect, and for the wait for a free connection. Default: `10s`. */
  readonly connectTimeout?: Duration
  /** After this the database ends a statement. PGlite ignores it. Default: `30s`. */
  readonly statementTimeout?: Duration
  /** TLS: `true`, or what `tls.connect` takes. Default: what the url says. */
  readonly tls?: boolean | ConnectionOptions
  /** Statements of the store are prepared once per connection. `false` behind a proxy that pools transactions. Default: true. */
  readonly prepare?: boolean
  /** Bring the tables up to this version at start. `false`: somebody else does, and start refuses what is older. Default: true. */
  readonly migrate?: boolean
  /**
   * What a start does in a restored or moved copy: `'refuse'` it, or `'rebase'` its outbox, which sends what is still there, maybe once more. For the start that
   * follows a restore: left in, nobody is asked after the next one. Default: `'refuse'`.
   */
  readonly restored?: 'refuse' | 'rebase'
}

/** What the store uses of a pool of `pg`. */
export interface PostgresPool {
  readonly options?: { readonly max?: number }
  connect(): Promise<PostgresClient>
}

/** What the store uses of a client of `pg`. */
export interface PostgresClient {
  query(statement: Statement): Promise<Answer>
  /** `I`: none is open. An older `pg` does not have it. */
  getTransactionStatus?(): string | null
  release(broken?: boolean): void
}

/** One statement as `pg` takes it. */
export interface Statement {
  readonly text: string
  readonly values?: unknown[]
  readonly name?: string
}

/** What `pg` answers to a statement. */
export interface Answer<R = Row> {
  readonly command: string
  readonly rowCount: number | null
  readonly rows: R[]
}

export type Row = Record<string, unknown>

export interface ResolvedOptions {
  readonly source: Source
  readonly schema: string
  readonly connections: number
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly prepare: boolean
  readonly migrate: boolean
  readonly restored: 'refuse' | 'rebase'
}

/** Where the database is. The url is behind a function, so that no inspection shows its password. */
export type Source =
  | { readonly kind: 'server'; readonly label: string; url(): string; readonly tls: boolean | ConnectionOptions | undefined }
  | { readonly kind: 'pool'; readonly pool: PostgresPool }
  | { readonly kind: 'embedded'; readonly folder: string | undefined }

const known = ['url', 'pool', 'embedded', 'schema', 'connections', 'connectTimeout', 'statementTimeout', 'tls', 'prepare', 'migrate', 'restored']
const ways = ['url', 'pool', 'embedded'] as const

/** All defaults and all faults at once. Never throws, whatever it is given. No fault quotes an url: a password may stand in it. */
export function resolveOptions(given: unknown): { readonly options: ResolvedOptions; readonly faults: readonly Fault[] } {
  const found: Record<string, unknown> = typeof given === 'object' && given !== null ? { ...given } : {}
  const faults = unknownOptions('postgres()', given, known)
  const options = {
    source: sourceOf(found, faults),
    schema: schemaOf(found['schema'], faults),
    connections: connectionsOf(found['connections'], faults),
    connectTimeoutMs: durationOf('connectTimeout', found['connectTimeout'] ?? '10s', faults),
    statementTimeoutMs: durationOf('statementTimeout', found['statementTimeout'] ?? '30s', faults),
    prepare: switchOf('prepare', found['prepare'], faults),
    migrate: switchOf('migrate', found['migrate'], faults),
    restored: restoredOf(found['restored'], faults),
  }

  return { options: Object.freeze(options), faults }
}

function sourceOf(found: Record<string, unknown>, faults: Fault[]): Source {
  const stated = ways.filter((way) => found[way] !== undefined)
  if (stated.length !== 1) {
    faults.push(
      wrong(`takes exactly one of "url", "pool" and "embedded"; found ${stated.length === 0 ? 'none' : stated.join(' and ')}. An unset environment variable counts as none.`),
    )
  }
  if (stated[0] !== 'url' && found['tls'] !== undefined) faults.push(wrong('option "tls" goes with "url" only. Leave it out.'))
  if (stated[0] === 'pool') return poolOf(found['pool'], faults)
  if (stated[0] === 'embedded') return embeddedOf(found['embedded'], faults)

  return serverOf(found['url'], found['tls'], faults)
}

function poolOf(found: unknown, faults: Fault[]): Source {
  if (!isPool(found)) faults.push(wrong('option "pool" takes a Pool of "pg", which has connect(). Make it with new Pool({ connectionString }).'))

  return isPool(found) ? { kind: 'pool', pool: found } : nowhere
}

function isPool(found: unknown): found is PostgresPool {
  return typeof found === 'object' && found !== null && 'connect' in found && typeof found.connect === 'function'
}

function embeddedOf(found: unknown, faults: Fault[]): Source {
  if (found === true) return { kind: 'embedded', folder: undefined }
  if (typeof found === 'string' && found !== '') return { kind: 'embedded', folder: found }
  faults.push(wrong(`option "embedded" takes a folder, or true for a database in memory; found ${describe(found)}.`))

  return nowhere
}

const nowhere: Source = { kind: 'embedded', folder: undefined }

function serverOf(url: unknown, tls: unknown, faults: Fault[]): Source {
  if (url === undefined) return nowhere
  const parsed = urlOf(url)
  if (!parsed) faults.push(wrong('option "url" is not an address of PostgreSQL. Expected postgresql://user:password@host:5432/database, special characters percent-encoded.'))
  const isTls = tls === undefined || typeof tls === 'boolean' || isConnectionOptions(tls)
  if (!isTls) faults.push(wrong(`option "tls" takes true, false or the options of tls.connect; found ${describe(tls)}.`))

  return parsed ? { kind: 'server', label: `${parsed.hostname || 'localhost'}:${parsed.port || 5432}`, url: () => parsed.href, tls: isTls ? tls : undefined } : nowhere
}

function urlOf(found: unknown): URL | undefined {
  try {
    const url = new URL(String(found))

    return ['postgres:', 'postgresql:'].includes(url.protocol) ? url : undefined
  } catch {
    return undefined
  }
}

function isConnectionOptions(found: unknown): found is ConnectionOptions {
  return typeof found === 'object' && found !== null
}

// PostgreSQL cuts names at 63 bytes, in silence, and keeps "pg_" for itself; partitions append to the names of tables only.
function schemaOf(found: unknown, faults: Fault[]): string {
  if (found === undefined) return 'waybill'
  if (typeof found === 'string' && /^[a-z_][a-z0-9_]{0,62}$/.test(found) && !found.startsWith('pg_')) return found
  faults.push(wrong(`option "schema" takes a name of a-z, 0-9 and _, at most 63 long, that does not begin with a digit or "pg_"; found ${describe(found)}.`))

  return 'waybill'
}

function connectionsOf(found: unknown, faults: Fault[]): number {
  if (found === undefined) return 10
  if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 3 && found <= 1_000) return found
  faults.push(wrong(`option "connections" takes a whole number from 3 to 1000: the relay and the timers need one each beside the listeners; found ${describe(found)}.`))

  return 10
}

function durationOf(name: string, found: unknown, faults: Fault[]): number {
  const ms = parseDuration(found)
  if (ms !== undefined && ms >= 1 && ms <= 0x7fffffff) return Math.ceil(ms)
  faults.push(wrong(`option "${name}" takes a duration above zero and below 25 days such as "30s"; found ${describe(found)}.`))

  return 10_000
}

function switchOf(name: string, found: unknown, faults: Fault[]): boolean {
  if (found === undefined || typeof found === 'boolean') return found ?? true
  faults.push(wrong(`option "${name}" takes true or false; found ${describe(found)}.`))

  return true
}

function restoredOf(found: unknown, faults: Fault[]): 'refuse' | 'rebase' {
  if (found === 'rebase') return found
  if (found !== undefined && found !== 'refuse') faults.push(wrong(`option "restored" takes "refuse" or "rebase"; found ${describe(found)}.`))

  return 'refuse'
}

function wrong(text: string): Fault {
  return { code: 'POSTGRES_OPTION', message: `postgres(): ${text.startsWith('option') ? text : `it ${text}`}` }
}

function describe(found: unknown): string {
  return typeof found === 'object' || typeof found === 'function' ? `a value of type ${found === null ? 'null' : typeof found}` : (JSON.stringify(found) ?? String(found))
}
