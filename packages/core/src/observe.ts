import type {
  ConnectionEvent,
  DeadLetterEvent,
  DuplicateEvent,
  OutboxEvent,
  ProcessEvent,
  PublishEvent,
  RelayEvent,
  RetryEvent,
  SagaEvent,
  SagasEvent,
  SettleEvent,
  SkipEvent,
} from './diagnostics.js'
import { hear, observed } from './hearing.js'

/** What somebody wants to hear of the apps of this process, in the turn in which it happens. */
export interface Observer {
  /** A message leaves for its broker. */
  readonly publishing?: (event: PublishEvent) => unknown
  /** Its `outcome` is known. */
  readonly published?: (event: PublishEvent) => unknown
  /** A listener begins. */
  readonly processing?: (event: ProcessEvent) => unknown
  /** A listener has ended, with an `error` where it failed. */
  readonly processed?: (event: ProcessEvent) => unknown
  /** A message is acknowledged. */
  readonly settled?: (event: SettleEvent) => unknown
  readonly retried?: (event: RetryEvent) => unknown
  readonly deadLettered?: (event: DeadLetterEvent) => unknown
  readonly skipped?: (event: SkipEvent) => unknown
  /** A message that was processed before came again. */
  readonly duplicated?: (event: DuplicateEvent) => unknown
  readonly connection?: (event: ConnectionEvent) => unknown
  /** How much waits in an outbox, every few seconds. */
  readonly outbox?: (event: OutboxEvent) => unknown
  /** An outbox has sent a page of what waited. */
  readonly relayed?: (event: RelayEvent) => unknown
  /** A saga started, turned back, is stuck or ended. */
  readonly saga?: (event: SagaEvent) => unknown
  /** How many sagas are open, every few seconds. */
  readonly sagas?: (event: SagasEvent) => unknown
}

/**
 * Tells an observer what happens in every app of this process, until the returned function is called. What it throws, or rejects with, changes
 * nothing for messages: the first time it is a warning of the process (`process.on('warning')`), and then it is passed over.
 * Use this and not a bare subscription on `node:diagnostics_channel`: what such a subscriber throws, Node throws as an uncaught exception.
 */
export function observe(observer: Observer): () => void {
  const ends = observed.flatMap((name) => (observer[name] === undefined ? [] : watch(name, observer)))

  return () => {
    for (const end of ends.splice(0)) end()
  }
}

function watch(name: keyof Observer, observer: Observer): () => void {
  let isTold = false
  const fail = (error: unknown): void => {
    if (!isTold) process.emitWarning(`The observer of "${name}" failed, and messages go on: ${textOf(error)}`, { code: 'WAYBILL_OBSERVER' })
    isTold = true
  }

  return hear(name, (event) => (observer[name] as ((event: unknown) => unknown) | undefined)?.(event), fail)
}

function textOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'with something that cannot be read.'
  }
}
