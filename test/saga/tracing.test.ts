import { Context, type Middleware } from '@waybill/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startBed } from './bed.js'
import { OrderPlaced } from './shop.js'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

const placed = {
  exchange: 'orders',
  routingKey: 'order.placed',
  contentType: 'application/json',
  headers: { cloudEvents_id: 'm-1', cloudEvents_type: 'order.placed', cloudEvents_source: '/web', cloudEvents_correlationid: 'c-1', traceparent },
  body: JSON.stringify({ orderId: 'o-1', total: 5 }),
}

/** What each listener was told of where its message belongs. */
function watching(): { readonly seen: Map<string, readonly unknown[]>; readonly middleware: Middleware } {
  const seen = new Map<string, readonly unknown[]>()

  return {
    seen,
    middleware: {
      listen: ({ heads: [head], listener }, next) => {
        seen.set(listener, [head?.envelope.correlationId, head?.envelope.traceparent])

        return next()
      },
    },
  }
}

test('what a timer makes a saga send belongs to the trace and the correlation of what started it', async () => {
  const { seen, middleware } = watching()
  const { shop, script } = await startBed({ middleware: [middleware] })
  script.fail('mute reserve o-1')

  shop.broker.send(placed)
  await shop.advance('31s')

  expect(Object.fromEntries(seen)).toMatchObject({ 'Stock.reserve': ['c-1', traceparent], 'Stock.release': ['c-1', traceparent] })
})

test('what an operator makes a saga send belongs there too', async () => {
  const { seen, middleware } = watching()
  const { shop, script, sagas } = await startBed({ middleware: [middleware] })
  script.fail('mute reserve o-1')

  shop.broker.send(placed)
  await shop.settled()
  await sagas.compensate('checkout', 'o-1', 'the customer called')
  await shop.settled()

  expect(seen.get('Stock.release')).toEqual(['c-1', traceparent])
})

test('a saga that a message without a correlation started correlates to that message, and a malformed trace is not passed on', async () => {
  const { seen, middleware } = watching()
  const { shop, script } = await startBed({ middleware: [middleware] })
  script.fail('mute reserve o-1')

  shop.broker.send({ ...placed, headers: { ...placed.headers, cloudEvents_correlationid: '', traceparent: '00-0' } })
  await shop.advance('31s')

  expect(seen.get('Stock.release')).toEqual(['m-1', undefined])
})

const tenant = Context('tenant', z.object({ id: z.string() }))

/** Of which tenant each listener was called. */
function tenants(): { readonly seen: Map<string, string | undefined>; readonly middleware: Middleware } {
  const seen = new Map<string, string | undefined>()

  return {
    seen,
    middleware: {
      listen: ({ listener }, next) => {
        seen.set(listener, tenant.get()?.id)

        return next()
      },
    },
  }
}

test('what a timer makes a saga send carries the typed context of what started it', async () => {
  const { seen, middleware } = tenants()
  const { shop, script } = await startBed({ middleware: [middleware] })
  script.fail('mute reserve o-1')

  await tenant.run({ id: 'acme' }, () => shop.when(new OrderPlaced({ orderId: 'o-1', total: 5 })))
  await shop.advance('31s')

  expect([seen.get('Stock.reserve'), seen.get('Stock.release')]).toEqual(['acme', 'acme'])
})

test('what an operator makes a saga send belongs to the tenant of the saga, not to that of the operator', async () => {
  const { seen, middleware } = tenants()
  const { shop, script, sagas } = await startBed({ middleware: [middleware] })
  script.fail('mute reserve o-1')

  await tenant.run({ id: 'acme' }, () => shop.when(new OrderPlaced({ orderId: 'o-1', total: 5 })))
  await tenant.run({ id: 'support' }, () => sagas.compensate('checkout', 'o-1', 'the customer called'))
  await shop.settled()

  expect(seen.get('Stock.release')).toBe('acme')
})
