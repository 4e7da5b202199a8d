import { WaybillError } from './error.js'
import { nameOf } from './found.js'
import { definitionOf, Message, type MessageClass } from './message.js'
import { scopes } from './scope.js'
import { tieOf, type Ties } from './tie.js'

type Action = (this: object, ...args: unknown[]) => unknown

/**
 * The method, followed by the publish of what it returned. An instance that no app made just returns it. A publish that fails while nobody awaits the call
 * ends in the log, as with an injected publisher; what the method itself throws does not.
 */
export function publishing(method: Action, key: string | symbol, declared: readonly unknown[]): Action {
  const call = async (instance: object, args: unknown[], onFailed: () => void): Promise<unknown> => {
    const ties = tieOf(instance)
    if (!ties) return method.apply(instance, args)

    const label = `${nameOf(instance.constructor)}.${String(key)}`
    const refusal = unlessRunning(ties, label)
    if (refusal) return logged(ties.refused(refusal, label), onFailed)
    const returned = await method.apply(instance, args)
    const messages = messagesOf(returned, declared, label)
    if (messages.length > 0) await logged(ties.publish(messages, declared as readonly MessageClass[], label), onFailed)

    return returned
  }
  const wrapped = function (this: object, ...args: unknown[]): Promise<unknown> {
    const done = call(this, args, () => void done.catch(() => undefined))

    return done
  }

  return Object.defineProperties(wrapped, { name: { value: method.name }, length: { value: method.length } })
}

/** What runs in a listener or a transaction does not succeed where nobody looks at that. */
async function logged(publish: Promise<void>, onFailed: () => void): Promise<void> {
  try {
    await publish
  } catch (error) {
    const held = scopes.getStore()?.held
    if (!held || held.isOver) onFailed()
    throw error
  }
}

function unlessRunning(ties: Ties, label: string): WaybillError | undefined {
  const state = ties.state()
  if (state === 'new') return new WaybillError('NOT_STARTED', `${label} publishes what it returns, but its app has not started. Await app.start() before calling it.`)
  if (state === 'stopped') return new WaybillError('STOPPED', `${label} publishes what it returns, but its app has stopped. Nothing was run. Call it before app.stop().`)

  return undefined
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
