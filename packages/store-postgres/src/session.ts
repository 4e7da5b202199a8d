import { Duplex } from 'node:stream'
import { CommitUnknown, WaybillError } from '@waybill/core'
import { isCommand, type Outcome, sendBatch } from './batch.js'
import { explain, explainOwn, sqlStateOf } from './database-error.js'
import type { Answer, PostgresClient, Row, Statement } from './options.js'

export interface SessionTraits {
  /** Statements may be sent before the one ahead has answered. */
  readonly fuses: boolean
  /** Statements have names, by which they are prepared once. */
  readonly prepares: boolean
  /** There is but this one session: it is never cut, for its state would be the next one's. */
  readonly isShared: boolean
}

/** One session of the database while somebody has it. */
export class Session {
  readonly client: PostgresClient
  readonly #traits: SessionTraits
  readonly #give: (isBroken: boolean) => void
  #isReleased = false
  #isGathering = false
  #running = 0
  #hasAnswered = false
  readonly #waiting: (() => void)[] = []

  constructor(client: PostgresClient, traits: SessionTraits, give: (isBroken: boolean) => void) {
    this.client = client
    this.#traits = traits
    this.#give = give
  }

  get fuses(): boolean {
    return this.#traits.fuses
  }

  /** Statements that have not answered yet. */
  get running(): number {
    return this.#running
  }

  /** A statement has succeeded. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** Resolves when it was given back. */
  async released(): Promise<void> {
    if (!this.#isReleased) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** What begins or ends a transaction, prepared where statements are. */
  command(text: string): Statement {
    return this.#traits.prepares && isCommand(text) ? { text, name: `waybill_${text.toLowerCase().replaceAll(' ', '_')}` } : { text }
  }

  /** Runs a statement of the store's own. */
  async run<R extends Row = Row>(statement: Statement): Promise<Answer<R>> {
    try {
      return (await this.send(statement)) as Answer<R>
    } catch (error) {
      throw explainOwn(error)
    }
  }

  /** Runs statements in their order: in one round trip where the session fuses. The first error is thrown after all have answered. */
  async runAll(statements: readonly Statement[]): Promise<readonly Answer[]> {
    try {
      return await this.sendAll(statements)
    } catch (error) {
      throw explainOwn(error)
    }
  }

  /** As {@link runAll}, with the error as the driver threw it. */
  async sendAll(statements: readonly Statement[]): Promise<readonly Answer[]> {
    if (!this.fuses) return this.#sendInTurn(statements)
    const { answers, error } = await this.settle(statements)
    if (error !== undefined) throw error

    return answers
  }

  /** As {@link runAll} within a transaction, which ends with it. The command's tag is looked at: COMMIT of a failed transaction answers ROLLBACK, without an error. */
  async commitWith(statements: readonly Statement[]): Promise<void> {
    if (!this.fuses) for (const statement of statements) await this.run(statement)
    const { answers, error } = await this.settle([...(this.fuses ? statements : []), this.command('COMMIT')])
    const command = answers.at(-1)?.command
    if (command === 'COMMIT') return
    if (error !== undefined) throw sqlStateOf(error) === undefined ? unknown(error) : explainOwn(error)

    throw new WaybillError(
      'TRANSACTION_ABORTED',
      'A transaction was to be committed in which a statement had failed before, so the database rolled it back. Let the error of that statement pass, or run it within a savepoint.',
    )
  }

  async send(statement: Statement): Promise<Answer> {
    const { answers, error } = await this.settle([statement])
    const [answer] = answers
    if (error !== undefined || !answer) throw error

    return answer
  }

  // What is sent in one turn leaves with one write: each is a call of the system, and costs more than the statement in it.
  #gather(): void {
    const stream = streamOf(this.client)
    if (this.#isGathering || !stream) return
    this.#isGathering = true
    stream.cork()
    process.nextTick(() => {
      this.#isGathering = false
      stream.uncork()
    })
  }

  /** Never rejects: with an error there are the answers of what did run. Throws where the session was given back. */
  settle(statements: readonly Statement[]): Promise<Outcome> {
    if (this.#isReleased) throw new WaybillError('SESSION_RELEASED', 'A statement was run on a session that was given back already. Await everything before the transaction ends.')
    this.#running++

    return new Promise((resolve) => {
      const done = (outcome: Outcome): void => {
        this.#running--
        this.#hasAnswered ||= outcome.answers.length > 0
        resolve(outcome)
      }
      if (this.fuses && sendBatch(this.client, statements, done)) return
      if (this.fuses) this.#gather()
      void sendEach(this.client, statements).then(done)
    })
  }

  async #sendInTurn(statements: readonly Statement[]): Promise<readonly Answer[]> {
    const answers: Answer[] = []
    for (const statement of statements) answers.push(await this.send(statement))

    return answers
  }

  /** Gives it back. */
  release(isBroken = false): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#give(isBroken && !this.#traits.isShared)
    for (const resolve of this.#waiting) resolve()
  }

  /** Ends it with whatever it does: the database rolls back. The only session there is must live on, and rolls back when it is done. */
  cut(): void {
    if (!this.#traits.isShared) {
      // Behind a statement that runs the driver would wait with its goodbye.
      if (this.#running > 0) destroy(this.client)

      return this.release(true)
    }
    this.client.query({ text: 'ROLLBACK' }).then(
      () => this.release(),
      () => this.release(),
    )
  }
}

/** Each by itself, one behind the other. */
async function sendEach(client: PostgresClient, statements: readonly Statement[]): Promise<Outcome> {
  const settled = await Promise.allSettled(statements.map((statement) => client.query(statement)))
  const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = settled.find((one) => one.status === 'rejected')

  return failed ? { answers, error: failed.reason } : { answers }
}

function destroy(client: PostgresClient): void {
  streamOf(client)?.destroy()
}

function streamOf(client: PostgresClient): Duplex | undefined {
  const connection: unknown = Reflect.get(client, 'connection')
  const stream: unknown = typeof connection === 'object' && connection !== null ? Reflect.get(connection, 'stream') : undefined

  return stream instanceof Duplex ? stream : undefined
}

function unknown(cause: unknown): CommitUnknown {
  const { message } = explain(cause) as Error

  return new CommitUnknown('COMMIT_UNKNOWN', `The connection was lost between COMMIT and its answer, so it may or may not have happened. ${message}`, { cause })
}
