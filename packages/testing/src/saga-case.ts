import assert from 'node:assert/strict'
import type { AppOptions, Duration } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { messagesOfSaga, type SagaClass, type SagaDetails, type SagaMessages, type Sagas, sagas } from '@waybill/saga'
import { memoryStore } from '@waybill/store-memory'
import { type Harness, harness } from './harness.js'
import { Participants } from './participants.js'

type Told = Parameters<Harness['when']>[0]
type Known = Readonly<Record<string, unknown>>

/** What the saga needs beside its messages. */
export type GivenOptions = Partial<Pick<AppOptions, 'services' | 'modules' | 'channels'>>

/**
 * A saga alone on a clock that stands still: the test plays its participants.
 * `await given(Checkout).when(new OrderPlaced(order)).then(new ReserveStock(order), { orderId: 'o-1' })`.
 */
export function given(saga: SagaClass, options: GivenOptions = {}): SagaCase {
  const messages = messagesOfSaga(saga)
  if (!messages) throw new Error(`given() takes a class marked @Saga whose flow can be read; ${saga.name} is none.`)

  return new SagaCase(saga, messages, options)
}

/** One saga from its start. Stop it when the test ends: `await using checkout = given(Checkout)`. */
export class SagaCase implements AsyncDisposable {
  readonly #type: SagaClass
  readonly #messages: SagaMessages
  readonly #options: GivenOptions
  readonly #operator: Sagas = sagas()
  readonly #participants: Participants
  #started: Promise<Harness> | undefined
  #seen = 0

  /** @internal Made by {@link given}. */
  constructor(type: SagaClass, messages: SagaMessages, options: GivenOptions) {
    this.#type = type
    this.#messages = messages
    this.#options = options
    this.#participants = new Participants(messages)
  }

  /** A message comes, or time passes: `when('31s')`. A reply answers the last command that it can answer. */
  when(what: Told | Duration): SagaMoment {
    return new SagaMoment(this, this.#play(what))
  }

  /** How the saga is; undefined where none has started. */
  async look(): Promise<SagaDetails | undefined> {
    await this.#harness()
    const last = (await this.#operator.list({ limit: 1_000 })).at(-1)

    return last && this.#operator.get(last.name, last.id)
  }

  /** What the saga has sent since it was asked last: commands, then events. */
  sent(): readonly object[] {
    const all = this.#participants.taken
    const fresh = all.slice(this.#seen)
    this.#seen = all.length

    return fresh.map(({ message }) => message)
  }

  async stop(): Promise<void> {
    await (await this.#started)?.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #play(what: Told | Duration): Promise<void> {
    const shop = await this.#harness()
    if (typeof what === 'string') return shop.advance(what)
    const answered = this.#participants.answeredBy(what, this.#operator.graph(this.#messages.saga))
    if (answered) await shop.when(this.#participants.say(what), { id: answered })
    else await shop.when(what)
    await shop.settled()
  }

  #harness(): Promise<Harness> {
    const { services = [], ...rest } = this.#options
    this.#started ??= harness({
      ...rest,
      services: [this.#type, this.#participants.service, ...services],
      plugins: [outbox(memoryStore()), this.#operator],
      log: false,
    })

    return this.#started
  }
}

/** Something that happens to a saga. Say what comes of it by `then`, or nothing of it by `happens`. */
export class SagaMoment {
  readonly #case: SagaCase
  readonly #played: Promise<void>

  /** @internal */
  constructor(of: SagaCase, played: Promise<void>) {
    this.#case = of
    this.#played = played
    // Reported where it is awaited.
    played.catch(() => undefined)
  }

  /** Lets it happen, and expects nothing. */
  async happens(): Promise<SagaCase> {
    await this.#played

    return this.#case
  }

  /** What the saga sent because of it, in any order, and what it knows now, as far as it is named. Rejects with an AssertionError otherwise. */
  // biome-ignore lint/suspicious/noThenProperty: it is the word of the test kit, and awaited without it says so
  async then(expected: object | readonly object[], state?: Known): Promise<SagaCase> {
    if (typeof expected === 'function') {
      const reject: unknown = state
      if (typeof reject === 'function') reject(new Error('Say what is expected of it, `.then(message, state)`, or nothing, `.happens()`.'))

      return this.#case
    }

    return this.#expect(Array.isArray(expected) ? expected : [expected], state)
  }

  async #expect(expected: readonly object[], state: Known | undefined): Promise<SagaCase> {
    await this.#played
    assert.deepEqual(this.#case.sent().map(readable).sort(), expected.map(readable).sort())
    if (state) {
      const known = (await this.#case.look())?.state ?? {}
      assert.deepEqual(Object.fromEntries(Object.keys(state).map((name) => [name, known[name]])), state)
    }

    return this.#case
  }
}

/** A message as a line that can be compared and read. */
function readable(message: object): string {
  const { messageName = message.constructor.name } = message.constructor as { readonly messageName?: string }

  return `${messageName} ${JSON.stringify((message as { readonly payload?: unknown }).payload)}`
}
