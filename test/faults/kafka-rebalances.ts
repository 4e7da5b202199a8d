import type { App } from '@waybill/core'
import { expect, test } from 'vitest'
import { brokers, drivers, eventually } from '../transport-kafka/bed.js'
import { kafkaLoad } from './kafka-load.js'

/** Members that come and go so many times while messages are published without a pause. */
export function membersThatChange(times: number): void {
  test.each(drivers)(
    `K6 K7 members of a group of kafka that join and leave ${times} times under load lose nothing, and keep the order of each key, through %s`,
    async (_, options) => {
      const load = kafkaLoad({ brokers, options })
      const publisher = await load.publisher()
      const staying = await load.listener()

      await load.during(publisher, joinAndLeave(load.listener, times))
      await eventually(
        () => load.verdict().lost.length === 0,
        () => load.verdict().describe(),
      )
      const verdict = load.verdict()
      await load.close()

      expect(staying.health().live).toBe(true)
      expect(verdict, verdict.describe()).toMatchObject({ rejected: 0, unknown: 0, lost: [], unexpected: [], contradicted: [], reordered: [] })
      expect(verdict.confirmed).toBeGreaterThan(500)
      // What is finished is committed before a partition is handed over, so only what ran at that moment comes twice.
      expect(verdict.duplicated.length).toBeLessThanOrEqual(10 * times * 2)
    },
    30_000 + times * 10_000,
  )
}

/** One after another, each while the one before is about to leave. */
async function joinAndLeave(join: () => Promise<App>, times: number): Promise<void> {
  let leaving: Promise<void> = Promise.resolve()
  for (let time = 0; time < times; time++) {
    const app = await join()
    await leaving
    leaving = app.stop()
  }
  await leaving
}
