import { type Flush, type StoreQuery, type StoreTransaction, WaybillError } from '@waybill/core'
import { explain } from './database-error.js'
import type { Answer, Row, Statement } from './options.js'
import type { Runner } from './runner.js'
import { TransactionSagas } from './saga.js'
import { TransactionTimers } from './timers.js'
import { flushStatements, type Writers } from './transaction.js'

type Ask = (text: string, values: unknown[]) => unknown

/** A transaction that another tool opened and ends: whatever can `query(sql, values)`. */
export class JoinedTransaction implements StoreTransaction, Runner {
  readonly client: unknown
  readonly inbox: StoreTransaction['inbox']
  readonly timers: StoreTransaction['timers']
  readonly sagas: StoreTransaction['sagas']
  readonly #writers: Writers
  readonly #ask: Ask

  constructor(foreign: unknown, writers: Writers) {
    this.client = foreign
    this.#ask = askOf(foreign)
    this.#writers = writers
    this.inbox = { insert: (entries) => writers.inbox.insert(this, entries) }
    this.timers = new TransactionTimers(this, writers.timers)
    this.sagas = new TransactionSagas(this, writers.sagas, writers.timers)
  }

  readonly query: StoreQuery = async (text, values = []) => (await this.run({ text, values: [...values] })).rows

  async run<R extends Row = Row>({ text, values = [] }: Statement): Promise<Answer<R>> {
    try {
      return answerOf<R>(await this.#ask(text, values))
    } catch (error) {
      throw explain(error)
    }
  }

  async runAll(statements: readonly Statement[]): Promise<readonly Answer[]> {
    const answers: Answer[] = []
    for (const statement of statements) answers.push(await this.run(statement))

    return answers
  }

  async commit(last: Flush): Promise<void> {
    await this.runAll(flushStatements(this.#writers, last))
  }

  async rollback(): Promise<void> {
    // Its owner rolls back.
  }
}

function askOf(foreign: unknown): Ask {
  if (typeof foreign === 'object' && foreign !== null && 'query' in foreign && typeof foreign.query === 'function') {
    const { query } = foreign

    return (text, values) => query.call(foreign, text, values)
  }
  throw new WaybillError(
    'FOREIGN_TRANSACTION',
    'A transaction of another tool was expected to have query(sql, values), which resolves with rows or with { rows }. Wrap what your tool has in an object with such a query.',
  )
}

/** Some answer with rows, some with an object that holds them, some with rows and how many were changed. */
function answerOf<R extends Row>(found: unknown): Answer<R> {
  const held = typeof found === 'object' && found !== null && 'rows' in found ? found.rows : found
  const list = Array.isArray(held) ? held : []
  const rows = Array.isArray(list[0]) ? list[0] : list

  return { command: '', rows, rowCount: rows.length }
}
