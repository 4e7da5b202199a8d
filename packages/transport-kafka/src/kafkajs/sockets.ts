import { connect as open, isIP, Socket } from 'node:net'
import { connect as openTls } from 'node:tls'
import type { ISocketFactoryArgs } from 'kafkajs'

const keepAliveMs = 60_000
/** As the system says it. */
const bySystem = 'ECONNREFUSED'

/** All connections of one client. kafkajs opens what it needs by itself, also for what was asked when it was told to disconnect. */
export class Sockets {
  readonly #open = new Set<Socket>()
  #isClosed = false

  /** Of kafkajs' own making they collect small requests: one behind another waits 40 ms for an acknowledgement of TCP. */
  readonly factory = ({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket => {
    if (this.#isClosed) return refused()
    // kafkajs gives nothing where TLS is off, whatever its types say.
    const tls: ISocketFactoryArgs['ssl'] | undefined = ssl
    const socket = tls ? openTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...tls }, onConnect) : open({ host, port }, onConnect)
    socket.setKeepAlive(true, keepAliveMs)
    socket.setNoDelay(true)
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))

    return socket
  }

  /** Cuts those that are open, and opens none from then on. */
  close(): void {
    this.#isClosed = true
    for (const socket of this.#open) socket.destroy(closedError())
  }
}

function refused(): Socket {
  const socket = new Socket()
  setImmediate(() => socket.destroy(closedError()))

  return socket
}

/** With it kafkajs gives up what waits for an answer. */
function closedError(): Error {
  return Object.assign(new Error('The transport is closed'), { code: bySystem })
}
