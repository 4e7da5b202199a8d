import { BrokerRefused, confirmed, type Fault, type Logger, type PublishOutcome, type Runtime, Turns } from '@waybill/core'
import { Admission } from '../journal/admission.js'
import { textOfHeaders } from '../journal/header-text.js'
import type { Journal } from '../journal/journal.js'
import { type JournalOptions, openJournal } from '../journal/open-journal.js'
import type { BrokerRecord } from '../journal/record.js'
import { restore } from '../journal/restore.js'
import { Clock } from './clock.js'
import { type BindingArguments, Exchange, type ExchangeKind } from './exchange.js'
import { foreignMessage } from './foreign-message.js'
import { weightOf } from './headers.js'
import { Ledger } from './ledger.js'
import { faultsOfOptions, type ForeignMessage, type MemoryBroker, type MemoryBrokerOptions, type QueueView } from './memory-broker.js'
import type { Message } from './message.js'
import { Queue } from './queue.js'
import { allArguments, faultsOfArguments, type QueueArguments } from './rules.js'
import { type Answer, type Client, Session } from './session.js'

/** Makes a broker for several apps of one process. Never throws: what is wrong with the options is reported at `start`. */
export function memoryBroker(options: MemoryBrokerOptions = {}): MemoryBroker {
  return new Broker(options)
}

/** The broker itself. Its rules are those of AMQP 0-9-1 as RabbitMQ has them; where they differ, the README says so. */
export class Broker implements MemoryBroker {
  readonly faults: readonly Fault[]
  readonly clock = new Clock()
  /** Per queue of dead letters, who looks at it or takes from it. */
  readonly looks = new Turns()
  /** Starts that never ended, by queue and message. */
  readonly #starts = new Map<string, number>()
  readonly #ledger: Ledger
  readonly #ownRuntime: Runtime | undefined
  readonly #kept: JournalOptions | undefined
  #opening: Promise<void> | undefined
  #journal: Journal | undefined
  readonly #exchanges = new Map<string, Exchange>()
  readonly #queues = new Map<string, Queue>()
  readonly #sessions = new Set<Session>()
  #isRunning = true
  #isBlocked = false
  #confirmsToLose = 0

  constructor(options: MemoryBrokerOptions) {
    this.faults = faultsOfOptions(options)
    this.#kept = options.folder === undefined ? undefined : { folder: options.folder, syncs: options.sync === 'always' }
    this.#ledger = new Ledger(options.maxMessages ?? 1_000_000, options.maxBytes ?? 256 * 1024 * 1024)
    this.#ownRuntime = options.runtime
    if (options.runtime !== undefined) this.clock.use(options.runtime)
  }

  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Whether it has to be opened before it can be used. */
  get isKept(): boolean {
    return this.#kept !== undefined
  }

  /** Takes the folder and everything in it, once. Rejects with what is wrong with it. */
  open(host: { readonly runtime: Runtime; readonly log: Logger }): Promise<void> {
    if (this.#kept === undefined) return Promise.resolve()
    this.#opening ??= this.#open(this.#kept, host)

    return this.#opening
  }

  /** Throws where what was declared could not be written. */
  async keepTopology(): Promise<void> {
    const failure = await this.#journal?.flush()
    if (failure !== undefined) throw new BrokerRefused('JOURNAL_UNWRITABLE', `The topology was declared and cannot be kept: ${failure}.`)
  }

  startsOf(name: string): number {
    return this.#starts.get(name) ?? 0
  }

  /** Resolves once it outlives whoever started, which may be this process. */
  async keepStarts(name: string, count: number): Promise<void> {
    if (count > 0) this.#starts.set(name, count)
    else this.#starts.delete(name)
    this.#journal?.made({ started: name, count })
    await this.#journal?.flush()
  }

  /** Undefined while the broker is stopped. */
  connect(client: Client, runtime: Runtime): Session | undefined {
    if (!this.#isRunning) return undefined
    // The clock of an app that has gone may stand still, so the next one brings its own.
    if (this.#ownRuntime === undefined && this.#sessions.size === 0) this.clock.use(runtime)
    const session = new Session(client, this.clock.turn, this.#journal)
    this.#sessions.add(session)

    return session
  }

  disconnectSession(session: Session): void {
    session.close()
    this.#forgetSession(session)
  }

  /**
   * Stores a message in every queue that its exchange leads to, or in none: what is `rejected` or `unroutable` is nowhere.
   * Undefined where it is stored and the confirm is lost.
   */
  publish(message: Message): Answer {
    const queues = this.#route(message)
    if (queues === undefined) return rejected(`there is no exchange "${message.exchange}"`)
    if (queues.length === 0) return message.mandatory ? unroutable(message) : confirmed
    const bytes = message.body.byteLength + weightOf(message.headers)
    const refusal = this.#ledger.refusal(queues.length, bytes * queues.length) ?? firstRefusal(queues, message)
    if (refusal !== undefined) return rejected(refusal)
    const answer = this.#store(message, queues, bytes)
    if (this.#confirmsToLose === 0) return answer
    this.#confirmsToLose--

    return undefined
  }

  findExchange(name: string): Exchange | undefined {
    return this.#exchanges.get(name)
  }

  findQueue(name: string): Queue | undefined {
    return this.#queues.get(name)
  }

  /** The exchange of that name, made if it is missing. Throws where it is of another kind. */
  declareExchange(name: string, kind: ExchangeKind): Exchange {
    const found = this.#exchanges.get(name)
    if (found !== undefined && found.kind !== kind) throw differs(`Exchange "${name}"`, kind, found.kind)
    if (found !== undefined) return found
    const made = new Exchange(name, kind, () => this.#journal)
    this.#exchanges.set(name, made)
    this.#journal?.made({ exchange: name, kind })

    return made
  }

  /** The queue of that name, made if it is missing. Throws where it has other arguments. */
  declareQueue(name: string, args: QueueArguments): Queue {
    const found = this.#queues.get(name)
    if (found === undefined) return this.#makeQueue(name, args, true)
    if (describe(found.args) !== describe(args)) throw differs(`Queue "${name}"`, describe(args), describe(found.args))

    return found
  }

  /** A queue that ends with its connection, and is nowhere but in memory. */
  declareReplies(name: string): Queue {
    return this.#queues.get(name) ?? this.#makeQueue(name, {}, false)
  }

  deleteQueue(queue: Queue): void {
    queue.purge()
    this.#queues.delete(queue.name)
    for (const exchange of this.#exchanges.values()) exchange.forget(queue)
  }

  // ── what a test sees ────────────────────────────────────────────────────────────────────────────

  queues(): readonly QueueView[] {
    return [...this.#queues.values()]
      .map(({ name, waiting, delayed, unsettled, consumers }) => ({ name, waiting, delayed, unsettled, consumers }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  exchange(name: string, kind: ExchangeKind): void {
    this.declareExchange(name, kind)
  }

  queue(name: string, args: QueueArguments = {}): void {
    this.declareQueue(name, args)
  }

  bind(queueName: string, exchangeName: string, key: string, args: BindingArguments = {}): void {
    const queue = this.#queues.get(queueName)
    const exchange = this.#exchanges.get(exchangeName)
    if (queue === undefined) throw new BrokerRefused('NO_SUCH_QUEUE', `There is no queue "${queueName}" to bind to exchange "${exchangeName}". Declare it first.`)
    if (exchange === undefined) throw new BrokerRefused('NO_SUCH_EXCHANGE', `There is no exchange "${exchangeName}" to bind queue "${queueName}" to. Declare it first.`)
    exchange.bind(queue, key, args)
  }

  send(foreign: ForeignMessage): PublishOutcome {
    if (!this.#isRunning) return rejected('the memory broker is stopped')
    if (this.isKept && !this.#journal) return rejected('the memory broker has not opened its folder yet: connect an app first')
    if (!this.clock.runs) return rejected('the memory broker has no clock yet: connect an app first, or give it a "runtime"')
    const message = foreignMessage(foreign)
    if (message === undefined) return rejected('its headers hold a cycle or more than 100,000 values')

    const answer = this.publish(message)
    this.#journal?.run()

    return (answer instanceof Admission ? answer.outcome : answer) ?? { kind: 'unknown', reason: 'the confirm was lost' }
  }

  disconnect(app?: string): void {
    for (const session of [...this.#sessions]) {
      if (app === undefined || session.client.app === app) this.#cut(session, 'the memory broker cut the connection')
    }
  }

  stop(): void {
    this.#isRunning = false
    for (const session of [...this.#sessions]) this.#cut(session, 'the memory broker was stopped')
    this.clock.timetable.stop()
  }

  start(): void {
    this.#isRunning = true
    this.clock.timetable.resume()
  }

  restart(): void {
    this.stop()
    this.start()
  }

  block(): void {
    if (this.#isBlocked) return
    this.#isBlocked = true
    for (const session of [...this.#sessions]) session.client.onBlocked()
  }

  unblock(): void {
    if (!this.#isBlocked) return
    this.#isBlocked = false
    for (const session of [...this.#sessions]) {
      session.readUnread()
      session.client.onUnblocked()
    }
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined)
    this.stop()
    await this.#journal?.close()
  }

  loseConfirms(count = 1): void {
    this.#confirmsToLose += count
  }

  // ────────────────────────────────────────────────────────────────────────────────────────────────

  async #open(kept: JournalOptions, { runtime, log }: { readonly runtime: Runtime; readonly log: Logger }): Promise<void> {
    if (!this.clock.runs) this.clock.use(runtime)
    const { journal, replay } = await openJournal(kept, { turn: this.clock.turn, runtime, log, records: () => this.#records() })
    const made = [...this.#records()]
    try {
      restore(replay, this, journal)
    } catch (error) {
      await journal.close()
      throw error
    }
    this.clock.turn.writeFirst(journal)
    this.#journal = journal
    for (const record of made) journal.made(record)
    for (const queue of this.#queues.values()) queue.buryExhausted()
  }

  *#records(): Generator<BrokerRecord> {
    for (const { name, args, isDurable } of this.#queues.values()) if (isDurable) yield { queue: name, args }
    for (const exchange of this.#exchanges.values()) yield* exchange.records()
    for (const [started, count] of this.#starts) yield { started, count }
  }

  /** Queues that outlive the process get it when it is written, which is at the end of the turn. */
  #store(message: Message, queues: readonly Queue[], bytes: number): Answer {
    if (this.#journal === undefined || queues[0]?.isDurable !== true) {
      for (const queue of queues) queue.place(queue.admit(message, bytes))
      return confirmed
    }
    const headers = textOfHeaders(message.headers)
    if (headers === undefined) return rejected('its headers are nested too deep to be written to the journal')
    const entries = queues.map((queue) => queue.admit(message, bytes))
    const admission = new Admission(entries, headers)
    this.#journal.admit(admission)

    return admission
  }

  #route(message: Message): readonly Queue[] | undefined {
    if (message.exchange !== '') return this.#exchanges.get(message.exchange)?.route(message.routingKey, message.headers)
    const queue = this.#queues.get(message.routingKey)

    return queue === undefined ? [] : [queue]
  }

  #makeQueue(name: string, args: QueueArguments, isDurable: boolean): Queue {
    const faults = faultsOfArguments(`Queue "${name}"`, args, allArguments)
    if (faults.length > 0) throw new BrokerRefused('QUEUE_ARGUMENTS', faults.join(' '))
    const journal = isDurable ? (): Journal | undefined => this.#journal : nowhere
    const queue = new Queue(name, args, { clock: this.clock, ledger: this.#ledger, deadLetters: this.#deadLettersOf(name, args), journal, isDurable })
    this.#queues.set(name, queue)
    journal()?.made({ queue: name, args })

    return queue
  }

  /** A queue that gives messages up says first to whom, so that nothing is given to nobody. */
  #deadLettersOf(name: string, args: QueueArguments): Queue | undefined {
    const target = args['x-dead-letter-routing-key']
    const found = typeof target === 'string' ? this.#queues.get(target) : undefined
    if (target !== undefined && found === undefined) {
      throw new BrokerRefused('NO_SUCH_QUEUE', `Queue "${name}" sends its dead letters to queue "${String(target)}", which is missing. Declare that one first.`)
    }
    if (args['x-overflow'] === 'drop-head' && found === undefined) {
      throw new BrokerRefused(
        'QUEUE_ARGUMENTS',
        `Queue "${name}" has "x-overflow": "drop-head" and no dead letters, so what it drops would be lost. Give it an "x-dead-letter-routing-key".`,
      )
    }

    return found
  }

  #cut(session: Session, reason: string): void {
    session.end(reason)
    this.#forgetSession(session)
    session.client.onLost(reason)
  }

  #forgetSession(session: Session): void {
    this.#sessions.delete(session)
    for (const queue of session.exclusive) this.deleteQueue(queue)
  }
}

function nowhere(): undefined {
  return undefined
}

function firstRefusal(queues: readonly Queue[], message: Message): string | undefined {
  for (const queue of queues) {
    const refusal = queue.refusal(message)
    if (refusal !== undefined) return refusal
  }

  return undefined
}

function rejected(reason: string): PublishOutcome {
  return { kind: 'rejected', reason }
}

function unroutable({ exchange, routingKey }: Message): PublishOutcome {
  const reason = exchange === '' ? `there is no queue "${routingKey}"` : `no queue is bound to exchange "${exchange}" for "${routingKey}"`

  return { kind: 'unroutable', reason }
}

/** In one order, so that equal arguments read equal. */
function describe(args: QueueArguments): string {
  return JSON.stringify(Object.fromEntries(Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1))))
}

function differs(thing: string, expected: string, found: string): BrokerRefused {
  return new BrokerRefused(
    'TOPOLOGY_DIFFERS',
    `${thing} exists already and differs: expected ${expected}, found ${found}. Change the app's "channels", or drain it, stop what uses it and delete it.`,
  )
}
