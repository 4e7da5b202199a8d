import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Plugin, type PluginHost, WaybillError } from '@waybill/core'
import type { Metrics } from '@waybill/metrics'
import { z } from 'zod'
import { Line } from './messages.js'
import { Orders } from './orders.js'
import { Stock } from './stock.js'
import { Story } from './story.js'

const PlaceOrder = z.object({ orderId: z.string().min(1).max(64), customer: z.string().trim().min(1).max(80), lines: z.array(Line).min(1).max(1_000) })
const mostBytes = 100_000

const page: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/': { file: 'index.html', type: 'text/html' },
  '/shop.css': { file: 'shop.css', type: 'text/css' },
  '/shop.js': { file: 'shop.js', type: 'text/javascript' },
}

/** The shop's page, its few calls, its metrics and probes, on this machine only. They answer from before the broker is reached until after the last listener has ended. */
export function front(port: number, observed: Metrics): Plugin & { readonly address: string } {
  const server = createServer()

  return {
    name: 'front',
    async open(shop) {
      server.on('request', (request, response) => {
        if (isWatching(request)) observed.handle(request, response)
        else answer(shop, request, response).catch((error: unknown) => problem(response, error))
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    stop() {
      server.close()
      server.closeAllConnections()
    },
    get address() {
      const bound = server.address()

      return `http://127.0.0.1:${typeof bound === 'object' && bound ? bound.port : port}/`
    },
  }
}

function isWatching({ method, url = '/' }: IncomingMessage): boolean {
  return method === 'GET' && /^\/(metrics|health)\b/.test(url)
}

async function answer(shop: PluginHost, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://shop').pathname
  const file = page[path]
  if (request.method === 'GET' && file) return sendFile(response, file)
  if (request.method === 'GET' && path === '/state') return sendJson(response, 200, await stateOf(shop))
  if (request.method === 'GET' && path === '/changes') return streamChanges(shop, response)
  if (request.method === 'GET' && path.startsWith('/orders/')) return sendStory(shop, decodeURIComponent(path.slice('/orders/'.length)), response)
  if (request.method === 'POST' && path === '/orders') return placeOrder(shop, request, response)

  sendProblem(response, 404, 'not-found', `There is nothing at ${request.method} ${path}.`)
}

async function placeOrder(shop: PluginHost, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.headers.origin !== undefined && request.headers.origin !== `http://${request.headers.host}`)
    return sendProblem(response, 403, 'foreign-origin', 'Orders are placed from the shop’s own page.')
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return sendProblem(response, 415, 'not-json', 'Send the order as application/json.')

  const parsed = PlaceOrder.safeParse(parseJson(await readBody(request)))
  if (!parsed.success) return sendProblem(response, 400, 'invalid-order', parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))

  sendJson(response, 202, await shop.get(Orders).place(parsed.data))
}

async function sendStory(shop: PluginHost, orderId: string, response: ServerResponse): Promise<void> {
  const order = await shop.get(Orders).find(orderId)
  if (!order) return sendProblem(response, 404, 'no-such-order', `There is no order "${orderId}".`)

  sendJson(response, 200, { order, story: await shop.get(Story).of([orderId]) })
}

async function stateOf(shop: PluginHost): Promise<object> {
  const [orders, items] = await Promise.all([shop.get(Orders).latest(50), shop.get(Stock).items()])
  const chapters = await shop.get(Story).of(orders.map(({ orderId }) => orderId))
  const names = new Map(items.map(({ sku, name }) => [sku, name]))
  const told = orders.map((order) => ({
    ...order,
    lines: order.lines.map((line) => ({ ...line, name: names.get(line.sku) ?? line.sku })),
    story: chapters.filter(({ orderId }) => orderId === order.orderId),
  }))

  return { items, orders: told, ready: shop.health().ready }
}

function streamChanges(shop: PluginHost, response: ServerResponse): void {
  response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
  response.write('retry: 1000\n\n')
  const end = shop.get(Story).watch((orderId) => response.write(`data: ${JSON.stringify(orderId)}\n\n`))
  response.on('close', end)
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new TooLarge(`An order has at most ${mostBytes} bytes.`)
    chunks.push(chunk)
  }

  return Buffer.concat(chunks).toString('utf8')
}

class TooLarge extends Error {}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function sendFile(response: ServerResponse, { file, type }: { readonly file: string; readonly type: string }): Promise<void> {
  const body = await readFile(new URL(`../page/${file}`, import.meta.url))
  response.writeHead(200, { ...headers, 'content-type': `${type}; charset=utf-8` }).end(body)
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function sendProblem(response: ServerResponse, status: number, type: string, detail: string): void {
  response
    .writeHead(status, { ...headers, 'content-type': 'application/problem+json' })
    .end(JSON.stringify({ type: `/problems/${type}`, status, title: type.replaceAll('-', ' '), detail }))
}

function problem(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  if (error instanceof TooLarge) return sendProblem(response, 413, 'too-large', error.message)
  if (error instanceof WaybillError && ['NOT_STARTED', 'STOPPED'].includes(error.code)) return sendProblem(response, 503, 'closed', 'The shop is not open.')
  if (error instanceof WaybillError) return sendProblem(response, error.code === 'DeadLetter' ? 422 : 503, error.code.toLowerCase().replaceAll('_', '-'), error.message)

  console.error(error)
  sendProblem(response, 500, 'failed', 'Something went wrong here; the log says what.')
}

const headers = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const
