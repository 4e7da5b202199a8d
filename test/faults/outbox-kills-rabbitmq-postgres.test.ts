import { onTestFinished, test } from 'vitest'
import { url } from '../store-postgres/bed.js'
import { dropLedger } from './ledger-tables.js'
import { expectWhole, ledgerOn, points } from './outbox-kills.js'

test('O1 O3 a process that is killed at each point of commit, publish, cursor and settle loses nothing, turns no key round and does nothing twice', {
  timeout: 180_000,
}, async () => {
  const ledger = ledgerOn(url)
  onTestFinished(() => dropLedger(ledger.namespace))

  for (const [at, point] of points.entries()) await ledger.live({ point, nth: point === 'after-cursor' ? 1 : 2 + 3 * at })

  await expectWhole(ledger, points.length)
})
