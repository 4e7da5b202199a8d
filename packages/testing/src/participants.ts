import { Command, type Delivery, Listener, type Named, Publisher, Service, unchecked } from '@waybill/core'
import type { SagaGraph, SagaMessages } from '@waybill/saga'

class Say extends Command('participants.say', { payload: unchecked<{ readonly reply: number }>() }) {}

interface Taken {
  readonly message: object
  readonly id: string
}

/** Takes everything that a saga sends, and answers what a test says. */
export class Participants {
  readonly taken: Taken[] = []
  readonly service: new () => object
  readonly #replies: object[] = []
  readonly #answered = new Set<string>()

  constructor(messages: SagaMessages) {
    this.service = serviceFor(
      messages,
      (taken) => void this.taken.push(taken),
      (reply) => this.#replies[reply],
    )
  }

  /** The command that this message answers: the last one that waits for it. Undefined: it is no reply. */
  answeredBy(reply: object, { stages }: SagaGraph): string | undefined {
    const name = nameOf(reply)
    const commands = stages.flat().flatMap(({ command, done, refused }) => ([...done, ...refused].includes(name) ? [command] : []))
    const found = this.taken.filter(({ message, id }) => commands.includes(nameOf(message)) && !this.#answered.has(id)).at(-1)
    if (found) this.#answered.add(found.id)

    return found?.id
  }

  /** Sent under the id of a command, it makes the reply an answer to that one. */
  say(reply: object): Say {
    return new Say({ reply: this.#replies.push(reply) - 1 })
  }
}

function serviceFor({ heard, sent }: SagaMessages, take: (taken: Taken) => void, replyOf: (index: number) => object | undefined): new () => object {
  const told = sent as readonly Named<'event' | 'command'>[]
  const replies = heard as readonly Named<'event' | 'command'>[]

  @Service('participants')
  class EveryParticipant {
    @Listener(told, { transaction: false })
    take(message: object, { id }: Delivery): void {
      take({ message, id })
    }

    @Listener(Say, { transaction: false })
    @Publisher(...replies)
    async say({ reply }: Say): Promise<never> {
      return replyOf(reply) as never
    }
  }

  return EveryParticipant
}

function nameOf(message: object): string {
  return (message.constructor as { readonly messageName?: string }).messageName ?? ''
}
