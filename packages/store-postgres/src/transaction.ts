import { type Flush, type Runtime, type StoreQuery, type StoreTransaction, type TransactionSettings, WaybillError } from '@waybill/core'
import { sessionIdleMs } from './connection.js'
import { explain } from './database-error.js'
import { guardedClient } from './guarded-client.js'
import type { Inbox } from './inbox.js'
import type { Answer, Row, Source, Statement } from './options.js'
import type { Runner } from './runner.js'
import type { OutboxWriter } from './outbox-writer.js'
import type { Partitions } from './partitions.js'
import { type SagaStatements, TransactionSagas } from './saga.js'
import type { Session } from './session.js'
import { TransactionTimers, type TimerStatements } from './timers.js'
import { isOutside, refusedCommand, transactionCommandIn } from './transaction-command.js'

/** What a transaction writes with. */
export interface Writers {
  readonly outbox: OutboxWriter
  readonly inbox: Inbox
  readonly timers: TimerStatements
  readonly sagas: SagaStatements
  readonly partitions: Partitions
}

export interface TransactionParts {
  readonly session: Session
  readonly writers: Writers
  /** The command that begins it. */
  readonly begin: string
  /** Whose it is, for errors. */
  readonly owner: string
}

/** A transaction on a session of the store's. It begins with its first statement, so that an empty one costs nothing. */
export class Transaction implements StoreTransaction, Runner {
  readonly client: unknown
  readonly inbox: StoreTransaction['inbox']
  readonly timers: StoreTransaction['timers']
  readonly sagas: StoreTransaction['sagas']
  readonly #session: Session
  readonly #writers: Writers
  readonly #begin: string
  readonly #owner: string
  #isBegun = false
  #end: string | undefined
  #isRunning = false
  #statement: Promise<unknown> | undefined
  #failure: unknown
  #forgetLimit: () => void = () => undefined

  constructor({ session, writers, begin, owner }: TransactionParts) {
    this.#session = session
    this.#writers = writers
    this.#begin = begin
    this.#owner = owner
    this.client = guardedClient(session.client, (text, work) => this.#guard(text, work))
    this.inbox = { insert: (entries) => writers.inbox.insert(this, entries) }
    this.timers = new TransactionTimers(this, writers.timers)
    this.sagas = new TransactionSagas(this, writers.sagas, writers.timers)
  }

  /** Rolls back by itself when it is open for longer. */
  limit(runtime: Runtime, ms: number): void {
    this.#forgetLimit = runtime.after(ms, () => {
      if (this.#end) return
      this.#end = 'rolled back, for it was open for too long'
      void this.#undo()
    })
  }

  readonly query: StoreQuery = async (text, values) => {
    this.#refuseAnother()
    this.#refuseCommand(text)
    const statements = this.#withBegin([{ text, ...(values ? { values: [...values] } : {}) }])
    const settling = this.#session.settle(statements)
    this.#isRunning = true
    const { answers, error } = await settling
    this.#isRunning = false
    if (error === undefined) return answers.at(-1)?.rows ?? []

    this.#failure = error
    // The driver's own trace leads to the socket only.
    if (error instanceof Error) Error.captureStackTrace(error)
    throw explain(error)
  }

  /** Runs a statement of the store's own. */
  async run<R extends Row = Row>(statement: Statement): Promise<Answer<R>> {
    const answers = await this.runAll([statement])

    return answers[0] as Answer<R>
  }

  async runAll(statements: readonly Statement[]): Promise<readonly Answer[]> {
    this.#refuseEnded()
    this.#refuseOutside()
    try {
      return (await this.#session.runAll(this.#withBegin(statements))).slice(-statements.length)
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  async commit(last: Flush): Promise<void> {
    this.#refuseEnded()
    this.#end = 'committed'
    this.#forgetLimit()
    const statements = flushStatements(this.#writers, last)
    try {
      this.#refuseOutside()
      if (!this.#isBegun && statements.length === 0) return this.#session.release()
      await this.#session.commitWith(this.#withBegin(statements))
      this.#session.release()
    } catch (error) {
      this.#failure = error
      await this.#undo()
      await this.#mend()
      throw error
    }
  }

  async rollback(): Promise<void> {
    if (this.#end) return
    this.#end = 'rolled back'
    this.#forgetLimit()
    await this.#undo()
    await this.#mend()
  }

  // What cannot be mended now fails again, and says so, when the work runs again.
  async #mend(): Promise<void> {
    await this.#writers.partitions.mend(this.#failure).catch(() => undefined)
  }

  // Behind a statement that still runs a ROLLBACK would wait for it; the database rolls back by itself when the session goes.
  async #undo(): Promise<void> {
    if (!this.#isBegun) return this.#session.release()
    if (this.#session.running > 0) {
      // Whoever ends the transaction hears why; a statement that nobody awaits would end the process.
      this.#statement?.catch(() => undefined)

      return this.#session.cut()
    }
    try {
      await this.#session.send({ text: 'ROLLBACK' })
      this.#session.release()
    } catch {
      this.#session.cut()
    }
  }

  #guard<T>(text: unknown, work: () => Promise<T>): Promise<T> {
    const wasRunning = this.#isRunning
    const done = this.#guarded(text, work)
    if (!wasRunning) this.#statement = done

    return done
  }

  async #guarded<T>(text: unknown, work: () => Promise<T>): Promise<T> {
    this.#refuseAnother()
    this.#refuseCommand(text)
    this.#isRunning = true
    try {
      return await this.#behindBegin(work)
    } catch (error) {
      this.#failure = error
      throw explain(error)
    } finally {
      this.#isRunning = false
    }
  }

  /** One statement of the user's at a time, and none after the end. */
  #refuseAnother(): void {
    this.#refuseEnded()
    if (!this.#isRunning) return
    throw new WaybillError(
      'PARALLEL_STATEMENTS',
      `${this.#owner} ran two statements at once in one transaction, which has a single connection: the second would wait behind the first, and fail with it. Await each before the next.`,
    )
  }

  #refuseCommand(text: unknown): void {
    this.#refuseOutside()
    const found = transactionCommandIn(text)
    if (found !== undefined) throw refusedCommand(this.#owner, found)
  }

  /** What ended the transaction was hidden behind something else. */
  #refuseOutside(): void {
    if (this.#isBegun && this.#session.hasAnswered && this.#session.running === 0 && isOutside(this.#session.client))
      throw refusedCommand(this.#owner, 'a COMMIT or ROLLBACK of its own')
  }

  // Sent together where the session fuses, so BEGIN costs no round trip. Where it got no answer each statement behind it would be committed by itself.
  #withBegin(statements: readonly Statement[]): readonly Statement[] {
    if (this.#failure !== undefined && !this.#session.hasAnswered) throw explain(this.#failure)
    if (this.#isBegun) return statements
    this.#isBegun = true

    return [this.#session.command(this.#begin), ...statements]
  }

  // What the user's tools send is theirs to shape, so it follows BEGIN by itself.
  async #behindBegin<T>(work: () => Promise<T>): Promise<T> {
    const [begin] = this.#withBegin([])
    const begun = begin && this.#session.send(begin)
    if (!begun) return work()
    if (!this.#session.fuses) await begun
    const [first, done] = await Promise.allSettled([begun, work()])
    if (first.status === 'rejected') throw first.reason
    if (done.status === 'rejected') throw done.reason

    return done.value
  }

  #refuseEnded(): void {
    if (!this.#end) return
    throw new WaybillError(
      'TRANSACTION_ENDED',
      `${this.#owner} ran a statement in its transaction, which is ${this.#end}. Something in it was not awaited: await everything before it ends.`,
    )
  }
}

/** The statements that end a transaction, the outbox rows last: their places are drawn in the order in which transactions with one key end. */
export function flushStatements({ timers, outbox, inbox }: Writers, last: Flush): readonly Statement[] {
  return [...timers.arming(last.timers), ...inbox.replies(last.replies), ...outbox.writing(last.outbox)]
}

/** The store's own sessions have a limit already, so most transactions need none of their own. */
export function beginOf({ isolation, readOnly, timeoutMs }: TransactionSettings, source: Source['kind']): string {
  const begin = `BEGIN${isolation ? ` ISOLATION LEVEL ${isolation.toUpperCase()}` : ''}${readOnly ? ' READ ONLY' : ''}`
  const isCovered = timeoutMs === undefined || source === 'embedded' || (source === 'server' && timeoutMs < sessionIdleMs)

  return isCovered ? begin : `${begin}; SET LOCAL idle_in_transaction_session_timeout = ${Math.ceil(timeoutMs) + 1_000}`
}
