import type { Named, Publish, PublishOptions } from '@waybill/core'
import { messageNameOf } from './message-name.js'

/** A publisher that only remembers. */
export type Recorded<C extends Named> = Publish<InstanceType<C>> & {
  /** What it was given, each as a listener would get it. */
  readonly messages: readonly InstanceType<C>[]
  /** With which options, one for each call. */
  readonly options: readonly PublishOptions[]
  /** The next call rejects with this, and remembers nothing. */
  failOnce(error: Error): void
}

/** Makes a publisher for a unit test: hand it to the constructor in place of the injected one. What is no valid message it rejects, as the real one does. */
export function recorded<C extends Named>(type: C): Recorded<C> {
  messageNameOf(type, 'recorded')
  const Message = type as unknown as new (payload: unknown) => InstanceType<C>
  const messages: InstanceType<C>[] = []
  const calls: PublishOptions[] = []
  const failures: Error[] = []
  const publish = async (payload: unknown, options: PublishOptions = {}): Promise<void> => {
    const failure = failures.shift()
    if (failure) throw failure
    messages.push(...(Array.isArray(payload) ? payload : [payload]).map((item) => new Message(item)))
    calls.push(options)
  }

  return Object.assign(publish, { messages, options: calls, failOnce: (error: Error) => void failures.push(error) }) as Recorded<C>
}
