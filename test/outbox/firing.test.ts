import type { Plugin, Timer } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { memoryDatabase, memoryStore } from '@waybill/store-memory'
import { harness, seededRandom } from '@waybill/testing'
import { expect, test } from 'vitest'

/** Acts for timers, and notes how many are acted for at a time. */
class Acting implements Plugin {
  readonly name = 'acting'
  readonly fired: string[] = []
  readonly lateMs: number[] = []
  most = 0
  #running = 0
  #arm: (timers: readonly Timer[]) => Promise<void> = async () => undefined
  readonly #fires: boolean

  constructor({ fires = true } = {}) {
    this.#fires = fires
  }

  start({ transactions, runtime }: Parameters<NonNullable<Plugin['start']>>[0]): void {
    if (!transactions) return
    this.#arm = (timers) => transactions.run('Acting.arm', {}, () => transactions.use((open) => open.timers.arm(timers)))
    if (!this.#fires) return
    transactions.onTimer('acting', async ({ id, dueAt }) => {
      this.lateMs.push(runtime.now() - dueAt)
      this.#running++
      this.most = Math.max(this.most, this.#running)
      await new Promise<void>((resolve) => runtime.after(1, resolve))
      this.#running--
      this.fired.push(id)
    })
  }

  arm(ids: readonly string[], dueAt: number): Promise<void> {
    return this.#arm(ids.map((id) => ({ id, dueAt, target: 'acting', subject: 'test', payload: new Uint8Array() })))
  }
}

test('timers that are due at once are fired side by side, each once', async () => {
  const acting = new Acting()
  await using shop = await harness({ services: [], plugins: [outbox(memoryStore()), acting], log: false })
  const ids = Array.from({ length: 20 }, (_, n) => `t-${n}`)

  await acting.arm(ids, shop.runtime.now() + 5_000)
  await shop.advance('4s')
  const before = [...acting.fired]
  await shop.advance('2s')

  expect([before, [...acting.fired].sort()]).toEqual([[], [...ids].sort()])
  expect(acting.most).toBe(4)
})

test('a timer that is armed anew while it fires is not early, though nobody heard of the commit', async () => {
  const database = memoryDatabase()
  const fired: number[] = []
  let arm: () => Promise<void> = async () => undefined
  const again: Plugin = {
    name: 'again',
    start({ transactions, runtime }) {
      const timer = (ms: number): Timer => ({ id: 'again', dueAt: runtime.now() + ms, target: 'again', subject: 'test', payload: new Uint8Array() })
      arm = async () => transactions?.run('arm', {}, () => transactions.use(({ timers }) => timers.arm([timer(5_000)])))
      transactions?.onTimer('again', async ({ dueAt }) => {
        fired.push(runtime.now() - dueAt)
        if (fired.length === 1) {
          await transactions.use(({ timers }) => timers.arm([timer(600_000)]))
          database.loseCommits(1)
        }
      })
    },
  }
  await using shop = await harness({ services: [], plugins: [outbox(memoryStore({ database })), again], log: false })

  await arm()
  await shop.advance('9m')
  const before = fired.length
  await shop.advance('2m')

  expect([before, fired.length]).toEqual([1, 2])
})

test('a timer that another process armed is late by a second at most, and never early', async () => {
  const [database, chance] = [memoryDatabase(), seededRandom('lateness')]
  const [arming, firing] = [new Acting({ fires: false }), new Acting()]
  await using shop = await harness({ services: [], plugins: [outbox(memoryStore({ database })), arming], log: false })
  await using beside = await harness({ name: 'beside', services: [], plugins: [outbox(memoryStore({ database })), firing], beside: shop, log: false })

  for (let n = 0; n < 100; n++) {
    await arming.arm([`t-${n}`], shop.runtime.now() + chance.between(0, 5_000))
    await beside.advance(chance.between(0, 300))
  }
  await beside.advance('6s')

  const { lateMs } = firing
  expect([lateMs.length, Math.min(...lateMs) >= 0, Math.max(...lateMs) <= 1_000]).toEqual([100, true, true])
})
