import { expect, test } from 'vitest'
import { consoleLogger, type Logger, safeLogger } from '../../packages/core/src/logger.js'

const hostile = 'order\u001b[2J\u009b31m\r\n12:00 ✖ forged\u202egnp'

test('what comes with a message steers no terminal: control characters are shown', () => {
  const lines: string[] = []
  const log = consoleLogger('shop', () => 0, { isTTY: true, write: (line) => lines.push(line) })

  log.warn(`Nobody takes "${hostile}".`, { messageName: hostile, key: 'Zürich 北京 🎉' })

  const shown = 'order\\u001b[2J\\u009b31m\\u000d\\u000a12:00 ✖ forged\\u202egnp'
  expect(lines).toEqual([`00:00:00.000 ! Nobody takes "${shown}". messageName=${shown} key=Zürich 北京 🎉\n`])
})

test('elsewhere each line is one JSON object, whatever stands in it', () => {
  const lines: string[] = []
  const log = consoleLogger('shop', () => 0, { write: (line) => lines.push(line) })

  log.error(hostile, { messageName: hostile })

  expect(lines[0]?.trimEnd().split('\n')).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', app: 'shop' })
})

test('no field takes the place of what each line says', () => {
  const lines: string[] = []
  const log = consoleLogger('shop', () => 0, { write: (line) => lines.push(line) })

  log.warn('It failed.', { message: 'order.placed', time: 'never', level: 'debug', app: 'other', id: 'o-1' })

  expect(JSON.parse(lines[0] ?? '')).toEqual({ time: '1970-01-01T00:00:00.000Z', level: 'warn', app: 'shop', message: 'It failed.', id: 'o-1' })
})

test('F38 a logger that rejects ends no process, and one that throws no message', async () => {
  const unhandled: unknown[] = []
  const remember = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', remember)
  // A logger's methods return nothing by their type, and what is given may all the same.
  const away: Logger['info'] = () => Promise.reject(new Error('The sink is away.')) as unknown as undefined
  const thrower = (): never => {
    throw new Error('The sink is away.')
  }
  const unsafe: unknown = { debug: away, info: away, warn: thrower, error: () => Object.defineProperty({}, 'then', { get: thrower }) }
  const log = safeLogger(unsafe as Logger)

  log.info('It runs.')
  log.warn('It failed.')
  log.error('It failed.')
  await new Promise(setImmediate)
  process.off('unhandledRejection', remember)

  expect(unhandled).toEqual([])
})
