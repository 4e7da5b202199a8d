import type { Metrics } from '@waybill/metrics'
import { Hono } from 'hono'
import type { Site } from './site.js'

export async function onHono(observed: Metrics): Promise<Site> {
  const app = new Hono()
  app.get('/metrics', ({ req }) => observed.fetch(req.raw))
  app.get('/health/*', ({ req }) => observed.fetch(req.raw))

  return { get: async (path) => app.request(path), close: async () => {} }
}
