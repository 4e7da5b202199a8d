import { onTestFinished, test } from 'vitest'
import { url } from '../store-postgres/bed.js'
import { dropLedger } from './ledger-tables.js'
import { expectWhole, ledgerOn, points } from './outbox-kills.js'

const lives = 50

test.each(Array.from({ length: 20 }, (_, n) => n * lives))(
  'O1 O3 a thousand kills, from the one with number %i on: nothing is lost, no key turned round and nothing done twice',
  { timeout: 600_000 },
  async (from) => {
    const ledger = ledgerOn(url)
    onTestFinished(() => dropLedger(ledger.namespace))

    for (let n = from; n < from + lives; n++) await ledger.live(killOf(n))

    await expectWhole(ledger, lives)
  },
)

/** Each point as often, each time at another moment: late enough for what was under way at the kill before, which is set aside when it never ends. */
function killOf(n: number): Parameters<ReturnType<typeof ledgerOn>['live']>[0] {
  const point = points[n % points.length] ?? 'settle'

  return { point, nth: point === 'after-cursor' ? 1 + (n % 2) : 6 + ((n * 7) % 29) }
}
