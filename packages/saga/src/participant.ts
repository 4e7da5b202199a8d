import { DeadLetter, header, Ignore, type InboxEntry, type ListenCall, type PlannedListener, type PluginHost } from '@waybill/core'
import type { Head } from './engine.js'
import { settledOf, type Settlement } from './notice.js'

/** What an app does for the listeners that take commands of sagas, so that they need not know: whatever the order in which a command and its undo come, the effect is right. */
export class Participant {
  readonly #host: PluginHost

  constructor(host: PluginHost) {
    this.#host = host
  }

  /** A batch has one message where that is a command of a saga. */
  async listen(call: ListenCall, next: () => Promise<unknown>): Promise<unknown> {
    const [head, ...others] = call.heads
    const command = head && others.length === 0 ? commandOf(head, call.delivery.id) : undefined
    if (!command) return next()
    if (await this.#isVoid(command)) {
      await this.#send(command.saga, { commandId: command.id, ...(command.withdraws && { withdrawn: true }) })

      return undefined
    }
    const value = await this.#tried(call, command, next)
    await this.#noteRefusal(command, call.group)
    if (command.wantsReceipt) await this.#send(command.saga, { commandId: command.id })

    return value
  }

  /** Nothing is to be done: what it undoes never was, or it is withdrawn, and by its inbox row was not done before. */
  async #isVoid({ undoes, withdraws }: SagaCommand): Promise<boolean> {
    if (withdraws) return this.#host.transactions?.current() !== undefined

    return undoes !== undefined && !(await this.#happened(undoes))
  }

  /** The reply that refuses may come after the undo was sent, so the undo has to find it here. */
  async #noteRefusal({ id, refusals }: SagaCommand, group: string): Promise<void> {
    const open = this.#host.transactions?.current()
    if (!open?.held.outgoing.some(({ message }) => refusals.includes(message.envelope.type))) return
    await open.use(({ inbox }) => inbox.insert([refusalOf(group, id)]))
  }

  /** False: what is to be undone was refused here, or never done, and never will be: its id counts as processed from now on. */
  async #happened(undoes: string): Promise<boolean> {
    const [id = '', name, certainty] = undoes.split(' ')
    const taker = this.#host.plan.listeners.find(({ takes }) => takes !== 'raw' && takes.some(({ messageName }) => messageName === name))
    const open = this.#host.transactions?.current()
    // Without an inbox, or where another app takes the command, only the listener itself can know.
    if (!open || !taker?.options.transaction) return true
    const isNew = (entry: InboxEntry): Promise<boolean> => open.use(async ({ inbox }) => (await inbox.insert([entry]))[0]?.kind === 'first')
    const isUnknown = await isNew({ group: taker.group, id })
    // The inbox forgets, and a saga may be undone long after.
    if (certainty === 'done') return true

    return !isUnknown && (await isNew(refusalOf(taker.group, id)))
  }

  async #tried(call: ListenCall, command: SagaCommand, next: () => Promise<unknown>): Promise<unknown> {
    try {
      return await next()
    } catch (error) {
      if (isLast(call, error, this.#listenerOf(call))) await this.#tellFailure(command, error)
      throw error
    }
  }

  #listenerOf(call: ListenCall): PlannedListener | undefined {
    return this.#host.plan.listeners.find(({ label, channel }) => label === call.listener && channel === call.channel)
  }

  /** By itself, as what the listener did is rolled back. Where it is lost, the saga finds out by its timer. */
  async #tellFailure({ saga, id }: SagaCommand, error: unknown): Promise<void> {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'FAILED'
    const failure = { code, message: error instanceof Error ? error.message : String(error) }
    await this.#send(saga, { commandId: id, failure }, false).catch((reason: unknown) =>
      this.#host.log.warn(`The saga "${saga}" could not be told that its command "${id}" failed: ${reason instanceof Error ? reason.message : String(reason)}`),
    )
  }

  #send(saga: string, settlement: Settlement, held?: false): Promise<void> {
    return this.#host.publish([new (settledOf(saga))(settlement)], held === false ? { held } : {})
  }
}

interface SagaCommand {
  readonly id: string
  readonly saga: string
  readonly wantsReceipt: boolean
  readonly undoes: string | undefined
  readonly refusals: readonly string[]
  readonly withdraws: boolean
}

/** A saga's name becomes a channel: what a stranger writes there is not believed. */
const sagaName = /^[a-z0-9-]{1,100}$/

function commandOf({ headers }: Head, id: string): SagaCommand | undefined {
  const [saga, undoes, refusals] = [headers[header.saga], headers[header.undoes], headers[header.refusals]]
  if (typeof saga !== 'string' || !sagaName.test(saga)) return undefined

  return {
    id,
    saga,
    wantsReceipt: headers[header.receipt] === 'true',
    undoes: typeof undoes === 'string' && undoes.includes(' ') ? undoes : undefined,
    refusals: typeof refusals === 'string' ? refusals.split(' ') : [],
    withdraws: headers[header.withdraws] === 'true',
  }
}

/** Stands beside the row of a command that was refused; no group is called so. */
function refusalOf(group: string, id: string): InboxEntry {
  return { group: `${group}/refused`, id }
}

/** After this one the listener is not tried again. */
function isLast({ delivery }: ListenCall, error: unknown, listener: PlannedListener | undefined): boolean {
  if (error instanceof DeadLetter || error instanceof Ignore) return true
  const retry = listener?.options.retry

  return retry !== undefined && (delivery.attempt >= retry.attempts || retry.unless.some((type) => error instanceof type))
}
