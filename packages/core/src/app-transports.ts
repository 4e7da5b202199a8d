import type { AppOptions } from './app-options.js'
import { isTransport } from './check-options.js'
import { isRecord } from './found.js'
import type { Transport } from './transport.js'

/** The transports of an app by their names, the first being where a channel lives that says nothing else. What is no transport at all is a fault elsewhere. */
export function transportsOf({ transport, transports }: Partial<Pick<AppOptions, 'transport' | 'transports'>>): readonly (readonly [string, Transport])[] {
  const given: readonly (readonly [string, Transport])[] = isRecord(transports)
    ? Object.entries(transports as Readonly<Record<string, Transport>>)
    : transport
      ? [[transport.name, transport]]
      : []

  return given.filter(([, one]) => isRecord(one) && isTransport(one))
}
