import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, test } from 'vitest'
import { expectWhole, ledgerOn } from './outbox-kills.js'

test('E2 O1 a process with an embedded database on disk that is killed at a commit and at a publish goes on whole, and its single connection serves listener, relay and timers', {
  timeout: 180_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-kills-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const ledger = ledgerOn(join(folder, 'data'))

  await ledger.live({ point: 'before-commit', nth: 9 })
  await ledger.live({ point: 'after-publish', nth: 12 })
  await ledger.live({ point: 'after-commit', nth: 7 })

  await expectWhole(ledger, 3)
})
