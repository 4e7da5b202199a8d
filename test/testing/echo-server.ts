import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { FaultProxy } from '@waybill/testing'
import { faultProxy, type FaultProxyOptions } from '@waybill/testing'
import { onTestFinished } from 'vitest'

/** What one end of a connection has seen. */
export interface Peer {
  readonly socket: Socket
  readonly chunks: Buffer[]
  readonly text: () => string
  /** `fin`, `rst`, or nothing yet. */
  readonly ending: () => string | undefined
}

export interface EchoSetup {
  readonly proxy: FaultProxy
  /** What the server's side of each connection has seen. */
  readonly served: Peer[]
  /** Connects through the proxy. */
  readonly dial: () => Promise<Peer>
}

/** A server that answers with what it gets, a proxy before it, and everything closed when the test ends. */
export async function echoThroughProxy(options: Partial<FaultProxyOptions> = {}): Promise<EchoSetup> {
  const served: Peer[] = []
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    served.push(observe(socket))
    socket.on('data', (bytes) => socket.write(bytes))
    socket.on('end', () => socket.end())
  })
  const port = await listen(server)
  const proxy = await faultProxy({ to: { host: '127.0.0.1', port }, ...options })
  const dialled: Socket[] = []
  onTestFinished(async () => {
    for (const socket of dialled) socket.destroy()
    await proxy.close()
    for (const { socket } of served) socket.destroy()
    server.close()
  })
  const dial = async (): Promise<Peer> => {
    const socket = connect({ host: proxy.host, port: proxy.port, noDelay: true })
    dialled.push(socket)
    const peer = observe(socket)
    await once(socket, 'connect')

    return peer
  }

  return { proxy, served, dial }
}

function observe(socket: Socket): Peer {
  const chunks: Buffer[] = []
  let ending: string | undefined
  socket.on('data', (bytes: Buffer) => chunks.push(bytes))
  socket.on('end', () => {
    ending ??= 'fin'
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ending = error.code === 'ECONNRESET' ? 'rst' : error.code
  })

  return { socket, chunks, text: () => Buffer.concat(chunks).toString(), ending: () => ending }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()

  return typeof address === 'object' && address ? address.port : 0
}
