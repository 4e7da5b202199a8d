import type { Metrics } from '@waybill/metrics'
import fastify from 'fastify'
import type { Site } from './site.js'

export async function onFastify(observed: Metrics): Promise<Site> {
  const server = fastify()
  for (const path of ['/metrics', '/health', '/health/*']) {
    server.get(path, (request, reply) => {
      // Waybill answers by itself.
      reply.hijack()
      observed.handle(request.raw, reply.raw)
    })
  }
  const address = await server.listen({ port: 0, host: '127.0.0.1' })

  return { get: (path) => fetch(address + path), close: () => server.close() }
}
