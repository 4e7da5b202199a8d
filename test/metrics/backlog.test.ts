import { Event, Listener, Service } from '@waybill/core'
import { metrics } from '@waybill/metrics'
import { harness } from '@waybill/testing'
import { expect, test } from 'vitest'
import { gate } from '../core/on-memory.js'
import { seriesOf } from './observed-app.js'
import { z } from 'zod'

class Scanned extends Event('scanned', { channel: 'parcels', payload: z.object({ parcel: z.number() }) }) {}

function slowGate() {
  const { opened, open } = gate()

  @Service('sorting')
  class Sorting {
    @Listener(Scanned, { concurrency: 1 })
    async sort(): Promise<void> {
      await opened
    }
  }

  return { Sorting, open: () => open() }
}

test('how much waits, and for how long at most, is asked of the broker now and then', async () => {
  const { Sorting, open } = slowGate()
  const observed = metrics({ depthEvery: '5s' })
  await using parcels = await harness({ services: [Sorting], plugins: [observed], patience: '10ms' })
  const of = { messaging_destination_name: 'parcels', messaging_consumer_group_name: 'sorting' }
  const now = (name: string): Promise<number> => seriesOf(observed, name, of)

  for (let parcel = 0; parcel < 30; parcel++) await parcels.when(new Scanned({ parcel }))
  await parcels.advance('20s')

  expect(await now('waybill_in_flight')).toBe(1)
  expect(await now('waybill_queue_depth')).toBeGreaterThan(5)
  expect(await now('waybill_oldest_waiting_seconds')).toBeGreaterThanOrEqual(20)
  expect(await now('waybill_consumers')).toBe(1)

  open()
  await parcels.advance('20s')

  expect(await now('waybill_queue_depth')).toBe(0)
  expect(await now('waybill_oldest_waiting_seconds')).toBe(0)
  expect(await now('waybill_dead_letter_depth')).toBe(0)
})

test('an app behind which too much waits is not ready where that is asked for, says why, and is ready again when it is done', async () => {
  const { Sorting, open } = slowGate()
  const observed = metrics({ depthEvery: '5s', ready: { depth: 10 } })
  await using parcels = await harness({ services: [Sorting], plugins: [observed], patience: '10ms' })
  const ready = async (): Promise<readonly [number, unknown]> => {
    const response = await observed.fetch(new Request('http://app/health/ready'))

    return [response.status, await response.json()]
  }

  for (let parcel = 0; parcel < 60; parcel++) await parcels.when(new Scanned({ parcel }))
  await parcels.advance('20s')

  expect(await ready()).toEqual([503, { ready: false, reasons: [expect.stringMatching(/^\d+ messages wait for group "sorting" on "parcels"; ready is up to 10\.$/)] }])

  open()
  await parcels.advance('20s')

  expect(await ready()).toEqual([200, { ready: true, reasons: [] }])
})
