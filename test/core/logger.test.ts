import { expect, test } from 'vitest'
import { consoleLogger } from '../../packages/core/src/logger.js'

const hostile = 'order\u001b[2J\u009b31m\r\n12:00 ✖ forged\u202egnp'

test('what comes with a message steers no terminal: control characters are shown', () => {
  const lines: string[] = []
  const log = consoleLogger('shop', () => 0, { isTTY: true, write: (line) => lines.push(line) })

  log.warn(`Nobody takes "${hostile}".`, { message: hostile, key: 'Zürich 北京 🎉' })

  const shown = 'order\\u001b[2J\\u009b31m\\u000d\\u000a12:00 ✖ forged\\u202egnp'
  expect(lines).toEqual([`00:00:00.000 ! Nobody takes "${shown}". message=${shown} key=Zürich 北京 🎉\n`])
})

test('elsewhere each line is one JSON object, whatever stands in it', () => {
  const lines: string[] = []
  const log = consoleLogger('shop', () => 0, { write: (line) => lines.push(line) })

  log.error(hostile, { message: hostile })

  expect(lines[0]?.trimEnd().split('\n')).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', app: 'shop' })
})
