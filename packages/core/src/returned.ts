import { WaybillError } from './error.js'
import { nameOf } from './found.js'
import { definitionOf, Message, type MessageClass } from './message.js'
import { tieOf, type Ties } from './tie.js'

type Action = (this: object, ...args: unknown[]) => unknown

/** The method, followed by the publish of what it returned. An instance that no app made just returns it. */
export function publishing(method: Action, key: string | symbol, declared: readonly unknown[]): Action {
  const wrapped = async function (this: object, ...args: unknown[]): Promise<unknown> {
    const ties = tieOf(this)
    if (!ties) return method.apply(this, args)

    const label = `${nameOf(this.constructor)}.${String(key)}`
    refuseUnlessRunning(ties, label)
    const returned = await method.apply(this, args)
    const messages = messagesOf(returned, declared, label)
    if (messages.length > 0) await ties.publish(messages, declared as readonly MessageClass[], label)

    return returned
  }

  return Object.defineProperties(wrapped, { name: { value: method.name }, length: { value: method.length } })
}

function refuseUnlessRunning(ties: Ties, label: string): void {
  const state = ties.state()
  if (state === 'new') throw new WaybillError('NOT_STARTED', `${label} publishes what it returns, but its app has not started. Await app.start() before calling it.`)
  if (state === 'stopped') throw new WaybillError('STOPPED', `${label} publishes what it returns, but its app has stopped. Nothing was run. Call it before app.stop().`)
}

function messagesOf(returned: unknown, declared: readonly unknown[], label: string): readonly Message[] {
  if (returned === undefined || returned === null) return []
  const messages: readonly unknown[] = Array.isArray(returned) ? returned : [returned]
  for (const message of messages) {
    if (!isDeclared(message, declared)) throw undeclared(message, declared, label)
  }

  return messages as readonly Message[]
}

/** Whether a value is a message of one of those classes. */
export function isDeclared(value: unknown, declared: readonly unknown[]): boolean {
  if (!(value instanceof Message)) return false
  const definition = definitionOf(value.constructor)

  return declared.some((type) => definitionOf(type) === definition)
}

/** What a query listener that answers with a message gets to hear. */
export function answeredWithMessage(value: unknown, label: string): WaybillError {
  return new WaybillError(
    'UNDECLARED_RETURN',
    `${label} answered with the message "${value instanceof Message ? definitionOf(value.constructor)?.name : ''}"; a reply is a plain object that fits the query's "reply". Return one: ({ … }).`,
  )
}

/** What a method that returns something it never declared gets to hear. */
export function undeclared(value: unknown, declared: readonly unknown[], label: string): WaybillError {
  const found = value instanceof Message ? `"${definitionOf(value.constructor)?.name}"` : `a value of type ${value === null ? 'null' : typeof value} that is no message`
  const expected = declared.length > 0 ? declared.map((type) => `"${definitionOf(type)?.name}"`).join(', ') : 'no message'

  return new WaybillError(
    'UNDECLARED_RETURN',
    `${label} returned ${found}; declared is ${expected}. Nothing of what it returned was published. Declare it: @Publisher(${value instanceof Message ? nameOf(value.constructor) : '…'}).`,
  )
}
