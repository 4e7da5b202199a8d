import assert from 'node:assert/strict'
import { harness, recorded } from '@waybill/testing'
import { OrderPaid, ParcelShipped, Shipping } from './shipping.js'

// With any test runner; here a line is printed for each.
async function test(title: string, run: () => Promise<void>): Promise<void> {
  await run()
  console.log(`ok  ${title}`)
}

const parcel = { orderId: 'o-1', to: 'Ann' }

await test('an order that is paid is shipped', async () => {
  await using shop = await harness({ services: [Shipping] })

  await shop.when(new OrderPaid(parcel))

  assert.deepEqual(shop.published(ParcelShipped), [new ParcelShipped(parcel)])
})

await test('a carrier that is away for half a minute costs half a minute', async () => {
  await using shop = await harness({ services: [Shipping] })
  shop.get(Shipping).isCarrierThere = false

  await shop.when(new OrderPaid(parcel))
  await shop.advance('30s')
  shop.get(Shipping).isCarrierThere = true
  await shop.settled({ within: '10m' })

  assert.equal(shop.published(ParcelShipped).length, 1)
})

await test('a parcel without an address ends among the dead letters', async () => {
  await using shop = await harness({ services: [Shipping] })

  await shop.when(new OrderPaid({ orderId: 'o-2', to: '' }))
  await shop.settled({ within: '10m' })

  const [letter] = await shop.deadLetters('shipping')
  assert.equal(letter?.message, 'there is no address')
})

await test('a crash between the publish and the ack ships one parcel', async () => {
  await using shop = await harness({ services: [Shipping] })
  shop.faults.crash({ at: 'after publish', of: ParcelShipped })

  await shop.when(new OrderPaid(parcel))

  assert.equal(shop.published(ParcelShipped).length, 1)
})

await test('the class alone needs no broker', async () => {
  const shipped = recorded(ParcelShipped)
  await new Shipping(shipped).ship(new OrderPaid(parcel))
  assert.equal(shipped.messages[0]?.to, 'Ann')
})
