import { once } from 'node:events'
import type { Metrics } from '@waybill/metrics'
import express from 'express'
import type { Site } from './site.js'

export async function onExpress(observed: Metrics): Promise<Site> {
  const app = express()
  // What is not of metrics or health goes on to your own routes.
  app.use((request, response, next) => observed.handle(request, response, next))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0

  return {
    get: (path) => fetch(`http://127.0.0.1:${port}${path}`),
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
