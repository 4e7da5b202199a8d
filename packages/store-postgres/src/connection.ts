import { ConnectionOutage, StoreUnavailable, WaybillError, type StoreHealth, type StoreHost } from '@waybill/core'
import { Client, Pool, type PoolConfig } from 'pg'
import { explain, isRefusal, sentenceOf } from './database-error.js'
import { type Embedded, openEmbedded } from './embedded.js'
import type { Answer, PostgresClient, PostgresPool, ResolvedOptions, Row, Statement } from './options.js'
import { Session, type SessionTraits } from './session.js'

/** The first wait after a failed try to connect, and the longest; in between it doubles, and chance takes up to all of it away. */
const firstPauseMs = 100
const longestPauseMs = 30_000

/** After this without a statement the database ends a transaction of the store's own sessions: the process hangs, or is gone without a word. */
export const sessionIdleMs = 120_000

const purpose = 'connection'

/**
 * The sessions of one database: a pool of `pg`, the user's own, or the one session that PGlite has. A session that was lost is replaced when the next is asked
 * for, so nothing here is restored: it is asked again.
 */
export class Connection {
  readonly #options: ResolvedOptions
  #pool: PostgresPool | undefined
  #own: Pool | undefined
  #embedded: Promise<Embedded> | undefined
  #host: StoreHost | undefined
  #isClosed = false
  #wake: () => void = () => undefined
  #lost: string | undefined = 'not opened yet'
  #waiting = 0
  readonly #sessions = new Set<Session>()

  constructor(options: ResolvedOptions) {
    this.#options = options
  }

  get isEmbedded(): boolean {
    return this.#options.source.kind === 'embedded'
  }

  /** There is one session, so transactions wait for each other. */
  get isSingle(): boolean {
    const { source } = this.#options

    return this.isEmbedded || (source.kind === 'pool' && source.pool.options?.max === 1)
  }

  /** Resolves with the server's version once it answers. Keeps trying while it is away. */
  async open(host: StoreHost): Promise<string> {
    this.#host = host
    if (!this.#pool) await this.#prepare(host)
    const outage = new ConnectionOutage('The store "postgres"', host)
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      if (this.#isClosed) throw closed()
      const found = await this.#reach()
      if (typeof found === 'string') {
        outage.back({ purpose, kind: 'connected', reason: undefined })

        return found
      }
      outage.lost({ purpose, kind: 'lost', reason: this.#lost?.replace(/\.$/, '') }, false)
      await this.#pause(host.runtime.random() * pauseMs)
    }
  }

  /** A session of its own until it is released. Waits for a free one. */
  async session(): Promise<Session> {
    if (this.#isClosed || !this.#pool) throw closed()
    this.#waiting++
    try {
      const client = await this.#pool.connect()
      if (this.isEmbedded) await this.#breath()
      const session = new Session(client, this.#traitsOf(client), (isBroken) => this.#release(session, client, isBroken))
      this.#sessions.add(session)
      this.#lost = undefined

      return session
    } catch (error) {
      throw this.#noteLost(error)
    } finally {
      this.#waiting--
    }
  }

  /** Does some work on a session and gives it back, whatever happens. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.session()
    try {
      return await work(session)
    } finally {
      session.release()
    }
  }

  /** Runs one statement on any session. */
  async run<R extends Row = Row>(statement: Statement): Promise<Answer<R>> {
    return this.use((session) => session.run<R>(statement))
  }

  /** A client outside the pool, for what has to stay on one session. Undefined where only the pool is known, or there is but one session. */
  listener(): Client | undefined {
    const { source } = this.#options
    if (source.kind !== 'server') return undefined

    return new Client({ ...this.#serverConfig(source), statement_timeout: 0, query_timeout: 0 })
  }

  health(): StoreHealth {
    const lost = this.#isClosed ? 'closed' : this.#lost

    return { connected: lost === undefined, reason: lost, open: this.#sessions.size, waiting: this.#waiting }
  }

  /** Open sessions get until the deadline, then they are cut, which rolls back. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#wake()
    const cancel = this.#host?.runtime.after(deadlineMs, () => {
      for (const session of [...this.#sessions]) session.cut()
    })
    try {
      await Promise.all([...this.#sessions].map((session) => session.released()))
      await this.#own?.end()
      // One that still opens is closed too, or it would keep the folder and the process.
      await (await this.#embedded?.catch(() => undefined))?.close()
    } finally {
      cancel?.()
    }
  }

  async #prepare(host: StoreHost): Promise<void> {
    const { source } = this.#options
    if (source.kind === 'pool') {
      this.#pool = source.pool

      return
    }
    this.#own = new Pool(source.kind === 'server' ? this.#serverConfig(source, host) : await this.#embeddedConfig(source.folder, host))
    // Without a listener the loss of an idle session would end the process.
    this.#own.on('error', (error) => this.#noteLost(error))
    this.#own.on('connect', (client) => client.on('error', (error) => this.#noteLost(error)))
    this.#pool = this.#own
  }

  #serverConfig(source: { url(): string; tls: unknown }, host = this.#host): PoolConfig {
    const { connections, connectTimeoutMs, statementTimeoutMs } = this.#options

    return {
      connectionString: source.url(),
      ...(source.tls === undefined ? {} : { ssl: source.tls as PoolConfig['ssl'] }),
      application_name: host ? `${host.app}-${host.instance}`.slice(0, 63) : 'waybill',
      max: connections,
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: sessionIdleMs,
      // For a link that died in silence: the database would have answered before.
      query_timeout: statementTimeoutMs + 5_000,
      keepAlive: true,
      pipeline: true,
    } as PoolConfig
  }

  async #embeddedConfig(folder: string | undefined, { runtime }: StoreHost): Promise<PoolConfig> {
    this.#embedded = openEmbedded(folder, runtime)
    const { config } = await this.#embedded
    // A second client would share the session of the first, with its open transaction.
    const { connectTimeoutMs, statementTimeoutMs } = this.#options

    return { ...config, max: 1, idleTimeoutMillis: 0, connectionTimeoutMillis: connectTimeoutMs + statementTimeoutMs, pipeline: true } as PoolConfig
  }

  #traitsOf(client: PostgresClient): SessionTraits {
    const fuses = Reflect.get(client, 'pipeline') === true

    return { fuses, prepares: fuses && this.#options.prepare && !this.isEmbedded, isShared: this.isSingle }
  }

  #release(session: Session, client: PostgresClient, isBroken: boolean): void {
    this.#sessions.delete(session)
    client.release(isBroken)
  }

  /** The version, or undefined while the database is away. */
  async #reach(): Promise<string | undefined> {
    try {
      const { rows } = await this.run({ text: `SELECT current_setting('server_version_num')::int AS number, split_part(version(), ' on ', 1) AS name` })
      const number = Number(rows[0]?.['number'])
      if (number >= 130_000) return String(rows[0]?.['name'])

      throw new WaybillError('STORE_TOO_OLD', `The store needs PostgreSQL 13 or later; found ${String(rows[0]?.['name'])}. Use a later server.`)
    } catch (error) {
      if (error instanceof StoreUnavailable && !isRefusal(error.cause)) return undefined
      throw error instanceof WaybillError && error.code !== 'STORE_UNAVAILABLE' ? error : refused(error, this.#label())
    }
  }

  #label(): string {
    const { source } = this.#options

    return source.kind === 'server' ? source.label : `the ${source.kind === 'pool' ? 'given pool' : 'embedded database'}`
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#host?.runtime.after(ms, resolve)
      this.#wake = () => {
        cancel?.()
        resolve()
      }
    })
  }

  /** PGlite works within the promises of one turn, so a loop of transactions would keep the process from its timers and sockets. */
  async #breath(): Promise<void> {
    await new Promise<void>((resolve) => (this.#host ? this.#host.runtime.soon(resolve) : resolve()))
  }

  #noteLost(error: unknown): unknown {
    const explained = explain(error)
    if (explained instanceof StoreUnavailable) this.#lost = sentenceOf(error)

    return explained
  }
}

function closed(): StoreUnavailable {
  return new StoreUnavailable('STORE_CLOSED', 'The store was used before "open" or after "close". Use it while the app runs.')
}

function refused(error: unknown, where: string): WaybillError {
  const cause = error instanceof WaybillError ? error.cause : error

  return new WaybillError('POSTGRES_REFUSED', `PostgreSQL at ${where} was expected to let this app in and refused: ${sentenceOf(cause)} Check the url, the user and its rights.`, {
    cause,
  })
}
