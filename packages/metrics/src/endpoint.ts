import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { ConfigError } from '@waybill/core'
import type { ServeOptions } from './options.js'

/** A server of its own for metrics and probes. It never keeps the process alive. */
export class Endpoint {
  readonly address: URL
  readonly #server: Server

  private constructor(server: Server, address: URL) {
    this.#server = server
    this.address = address
  }

  /** Rejects with a {@link ConfigError} where it cannot listen there. */
  static async open({ port, host }: Required<ServeOptions>, answer: RequestListener): Promise<Endpoint> {
    const server = createServer(answer)
    server.unref()
    server.listen(port, host)
    try {
      await once(server, 'listening')
    } catch (error) {
      throw new ConfigError([
        {
          code: 'ENDPOINT',
          message: `Metrics cannot be served on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}. Give "serve" another port, or end what listens there.`,
        },
      ])
    }
    // What goes wrong with a caller is the caller's.
    server.on('error', () => undefined)
    const bound = server.address()
    const found = typeof bound === 'object' && bound !== null ? bound.port : port

    return new Endpoint(server, new URL(`http://${host.includes(':') ? `[${host}]` : host}:${found}`))
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
