import type { AppOptions } from './app-options.js'
import { isTransport } from './check-options.js'
import { isRecord } from './found.js'
import type { Transport } from './transport.js'

/** The transports of an app by their names. What is no transport at all is left out: it is among the faults of the plan already. */
export function transportsOf({ transport, transports }: AppOptions): readonly (readonly [string, Transport])[] {
  const given: readonly (readonly [string, Transport])[] = isRecord(transports)
    ? Object.entries(transports as Readonly<Record<string, Transport>>)
    : transport
      ? [[transport.name, transport]]
      : []

  return given.filter(([, one]) => isTransport(one))
}
