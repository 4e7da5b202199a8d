import { header } from '@waybill/core'
import type { FlowGraph, Sent, StepPlan } from './graph.js'
import { type Instance, timerTarget } from './instance.js'
import { SagaStuck } from './notice.js'

/** A message that leaves with the commit. */
export interface Order {
  readonly message: object
  readonly id: string
  readonly headers: Readonly<Record<string, string>>
}

/** What a timer of a saga carries. */
export interface Wake {
  /** `do/<step>`, `undo/<step>` or `deadline`. */
  readonly kind: string
  readonly attempt: number
}

/** What one event makes a saga send and plan. */
export class Orders {
  readonly all: Order[] = []
  readonly #graph: FlowGraph
  readonly #saga: Instance
  readonly #now: number

  constructor(graph: FlowGraph, saga: Instance, now: number) {
    this.#graph = graph
    this.#saga = saga
    this.#now = now
  }

  /** The command of a step; returns its id, which is the same each time. */
  command({ name, command, done, refused }: StepPlan): string {
    const refusals = refused.map(({ message }) => message.messageName).join(' ')

    return this.#push(`do ${name}`, made(command, this.#saga.data), {
      ...(done.length === 0 && { [header.receipt]: 'true' }),
      ...(refusals !== '' && { [header.refusals]: refusals }),
    })
  }

  /** The same command, which is not to be done any more where it was not. */
  withdrawal({ name, command }: StepPlan): string {
    return this.#push(`do ${name}`, made(command, this.#saga.data), { [header.withdraws]: 'true' })
  }

  undo(step: StepPlan): string {
    const isSure = this.#saga.statusOf('do', step.name) === 'done'
    const doing = `${this.#saga.idOf(`do ${step.name}`)} ${step.command.message.messageName}${isSure ? ' done' : ''}`

    return this.#push(`undo ${step.name}`, made(undoOf(step), this.#saga.data), { [header.receipt]: 'true', [header.undoes]: doing })
  }

  /** Whether the undo of a step can be written with what is known, before the step has said what it did. */
  canUndo(step: StepPlan): boolean {
    let [isComplete, isAsked] = [true, true]
    const watched = new Proxy(this.#saga.data, {
      get: (data, key) => {
        if (isAsked && typeof key === 'string' && !(key in data)) isComplete = false

        return Reflect.get(data, key) as unknown
      },
    })
    try {
      const { message, payload } = undoOf(step)
      const value = payload(watched)
      // A schema may read of it what it likes.
      isAsked = false
      new message(value)
    } catch {
      // What is missing may well make it throw.
      return false
    }

    return isComplete
  }

  /** Arms a timer in place of the last one of its kind, and says when it is due. */
  wake(kind: string, ms: number, attempt = 1): number {
    const dueAt = this.#now + ms
    const payload = Buffer.from(JSON.stringify({ kind, attempt } satisfies Wake))
    this.#saga.arm({ id: timerId(this.#saga, kind), dueAt, target: timerTarget(this.#saga.saga), subject: this.#saga.id, payload })

    return dueAt
  }

  letSleep(kind: string): void {
    this.#saga.disarm(timerId(this.#saga, kind))
  }

  alarm(step: string, reason: string): void {
    const { saga, id } = this.#saga
    this.all.push({ message: new SagaStuck({ saga, id, step, reason }), id: this.#saga.idOf(`stuck ${step} ${this.#now}`), headers: {} })
  }

  end(status: 'completed' | 'compensated'): void {
    const { message, payload } = this.#graph[status]
    const why = this.#saga.why ?? { step: '', code: '', message: '' }
    this.all.push({ message: new message(payload(this.#saga.data, why)), id: this.#saga.idOf(status), headers: {} })
  }

  #push(part: string, message: object, headers: Order['headers']): string {
    const id = this.#saga.idOf(part)
    this.all.push({ message, id, headers: { [header.saga]: this.#saga.saga, ...headers } })

    return id
  }
}

export function timerId({ saga, id }: Pick<Instance, 'saga' | 'id'>, kind: string): string {
  return `${saga}/${id}/${kind}`
}

function undoOf({ name, undo }: StepPlan): Sent {
  if (typeof undo === 'object') return undo
  throw new Error(`The step "${name}" has no undo.`)
}

function made({ message, payload }: Sent, state: Instance['data']): object {
  return new message(payload(state))
}
