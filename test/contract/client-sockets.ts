import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

export interface ClientSockets {
  /** How many are open. */
  readonly count: number
  /** Breaks every open connection to those ports. */
  cut(): void
  /** The same, and from now on each new one breaks at once. */
  refuse(): void
  accept(): void
  /** Looks no more at what this process connects to. */
  release(): void
}

/** Every connection that this process opens to those ports, whichever driver does. */
export function clientSockets(ports: readonly number[]): ClientSockets {
  const open = new Set<Socket>()
  let isRefusing = false

  const watch = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket }
    socket.once('connectionAttempt', (_address: string, port: number) => {
      if (!ports.includes(port)) return
      // Before the connection can stand, which a turn of the event loop later it may.
      if (isRefusing) return process.nextTick(() => socket.destroy(failure('connect', 'ECONNREFUSED')))
      open.add(socket)
      socket.once('close', () => open.delete(socket))
    })
  }
  const cut = (): void => open.forEach((socket) => socket.destroy(failure('read', 'ECONNRESET')))
  subscribe('net.client.socket', watch)

  return {
    get count() {
      return open.size
    },
    cut,
    refuse() {
      isRefusing = true
      cut()
    },
    accept() {
      isRefusing = false
    },
    release: () => void unsubscribe('net.client.socket', watch),
  }
}

/** As the system tells it to a driver. */
function failure(syscall: string, code: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall })
}
