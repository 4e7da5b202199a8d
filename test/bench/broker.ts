import { connect } from 'node:net'
import type { Footprint, Room } from './contender.js'
import type { Sightings } from './ledger.js'
import type { BrokerName } from './scenario.js'

/** The harness's own hands at a broker: it reads back what was published, and cleans up. */
export interface Broker {
  readonly name: BrokerName
  readonly url: string
  /** Where it listens; the first of several. Undefined: nowhere. */
  readonly endpoint: Endpoint | undefined
  /** Enters every order that waits into the ledger, until it is complete or nothing more comes. */
  drain(room: Room, footprint: Footprint, ledger: Sightings): Promise<void>
  /** The same of the rows that its publishers wrote, where those end in a database. */
  rows?(room: Room, ledger: Sightings): Promise<void>
  /** How many orders would be delivered again although they were handled: acknowledgements that got lost. */
  leftover(footprint: Footprint): Promise<number>
  /** Removes all that a round made. */
  clear(room: Room, footprint: Footprint): Promise<void>
  close(): Promise<void>
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** A reason to stop that the person at the keyboard can mend. */
export class BenchError extends Error {}

/** Resolves when somebody listens there. */
export async function probe(product: string, { host, port }: Endpoint, remedy: string): Promise<void> {
  const reason = await tryToConnect(host, port)
  if (reason === undefined) return

  throw new BenchError(`${product}: expected a broker at ${host}:${port}, found none (${reason}). ${remedy}`)
}

function tryToConnect(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3_000 })
    const end = (reason: string | undefined) => {
      socket.destroy()
      resolve(reason)
    }
    socket.once('connect', () => end(undefined))
    socket.once('timeout', () => end('no answer within 3 s'))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
  })
}
