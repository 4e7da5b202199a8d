import { Client, Query } from 'pg'
import { Duplex } from 'node:stream'
import type { Answer, PostgresClient, Statement } from './options.js'

/** What became of a batch: with an error there are the answers that came before it. */
export interface Outcome {
  readonly answers: readonly Answer[]
  readonly error?: unknown
}

/**
 * Sends statements as one: the server answers once, and runs nothing behind one that failed. False where that cannot be: the driver is
 * another, a statement is several in one text, or the session has not prepared one yet.
 */
export function sendBatch(client: PostgresClient, statements: readonly Statement[], done: (outcome: Outcome) => void): boolean {
  const wire = wireOf(client)
  if (!wire || !statements.every((statement) => isReady(wire, statement))) return false
  const batch = new Batch(statements, (error) => done(error ? { answers: batch.answers, error } : { answers: batch.answers }))
  Reflect.apply(client.query, client, [batch])

  return true
}

interface Wire {
  readonly stream: Duplex
  readonly parsedStatements: Readonly<Record<string, string>>
  sync(): void
}

/** What is used of the driver's query beside what its types tell. */
interface DriverQuery {
  name: string | undefined
  text: string
  values: unknown[] | undefined
  callback: (error: unknown) => void
  readonly _results: Answer | readonly Answer[]
  prepare(wire: Wire): void
}

const driverQuery = Query as unknown as new (text: string) => DriverQuery

class Batch extends driverQuery {
  readonly #statements: readonly Statement[]
  #isOver = false

  constructor(statements: readonly Statement[], done: (error: unknown) => void) {
    super('')
    this.#statements = statements
    // What fails before it is sent is answered for all that.
    this.callback = (error) => {
      if (this.#isOver) return
      this.#isOver = true
      done(error)
    }
  }

  get answers(): readonly Answer[] {
    const found = this._results

    return (isList(found) ? found : [found]).filter(({ command }) => command !== null)
  }

  submit(wire: Wire): null {
    const silent = silentOf(wire)
    wire.stream.cork()
    for (const { name, text, values } of this.#statements) {
      // A value that cannot be written has ended it: what follows, a COMMIT perhaps, is not to run.
      if (this.#isOver) break
      Object.assign(this, { name, text, values })
      this.prepare(silent)
    }
    // The driver would note a statement of this name as prepared, or forget it.
    this.name = undefined
    wire.sync()
    wire.stream.uncork()

    return null
  }
}

const isList = (found: Answer | readonly Answer[]): found is readonly Answer[] => Array.isArray(found)

const silents = new WeakMap<Wire, Wire>()

/** The same connection, on which each statement's end is not told. */
function silentOf(wire: Wire): Wire {
  let silent = silents.get(wire)
  if (!silent) {
    silent = Object.create(wire, { sync: { value: () => undefined } }) as Wire
    silents.set(wire, silent)
  }

  return silent
}

function wireOf(client: PostgresClient): Wire | undefined {
  if (!(client instanceof Client)) return undefined
  const connection: unknown = Reflect.get(client, 'connection')
  const wire = connection as Wire

  // PGlite has a stream of its own, without a wire behind it.
  return wire.stream instanceof Duplex ? wire : undefined
}

/** What begins or ends a transaction, and nothing else. */
export function isCommand(text: string): boolean {
  return /^(BEGIN|COMMIT|ROLLBACK)[A-Z ]*$/.test(text)
}

function isReady(wire: Wire, { name, text, values }: Statement): boolean {
  if (name !== undefined) return wire.parsedStatements[name] === text

  return (values !== undefined && values.length > 0) || isCommand(text)
}
