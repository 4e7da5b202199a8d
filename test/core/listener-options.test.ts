import { expect, test } from 'vitest'
import { resolveListenerOptions } from '../../packages/core/src/listener-options.js'
import { expectCodes, expectFault } from './fault-list.js'

const resolve = (given?: unknown): ReturnType<typeof resolveListenerOptions> => resolveListenerOptions('Stock.reserve', given)

test('without options a listener gets every default', () => {
  expect(resolve({})).toEqual({
    options: {
      concurrency: { min: 10, max: 10 },
      timeoutMs: 60_000,
      retry: { attempts: 6, waitsMs: [100, 1_000, 5_000, 30_000, 120_000], jitter: true, unless: [] },
      rate: undefined,
      transaction: true,
      deadKey: 'go on',
      batch: undefined,
    },
    faults: [],
  })
  expect(resolve().faults).toEqual([])
})

test('what is said is kept, in milliseconds', () => {
  const given = {
    group: 'g',
    concurrency: [1, 16],
    timeout: '1.5s',
    rate: { limit: 10, per: '1m', by: 'kind' },
    transaction: false,
    deadKey: 'park',
    batch: { size: 100, wait: '50ms' },
  }

  expect(resolve(given)).toMatchObject({
    options: {
      concurrency: { min: 1, max: 16 },
      timeoutMs: 1_500,
      rate: { limit: 10, perMs: 60_000, by: 'kind' },
      transaction: false,
      deadKey: 'park',
      batch: { size: 100, waitMs: 50 },
    },
    faults: [],
  })
})

test('a range of waits doubles up to its end', () => {
  expect(resolve({ retry: { attempts: 5, backoff: '200ms..3s' } }).options.retry).toEqual({ attempts: 5, waitsMs: [200, 400, 800, 1_600, 3_000], jitter: true, unless: [] })
})

test('R2 a list of waits is taken exactly, each of them once', () => {
  expect(resolve({ retry: { backoff: ['1s', '10s'] } }).options.retry).toEqual({ attempts: 3, waitsMs: [1_000, 10_000], jitter: false, unless: [] })
})

test('retry false is one attempt', () => {
  expect(resolve({ retry: false }).options.retry).toMatchObject({ attempts: 1, waitsMs: [] })
})

test('a list of waits goes on with its last one, and one that no try would need is refused', () => {
  expect(resolve({ retry: { backoff: ['1s', '10s'] } })).toMatchObject({ options: { retry: { attempts: 3 } }, faults: [] })
  expect(resolve({ retry: { attempts: 3, backoff: ['1s', '10s'] } }).faults).toEqual([])
  expect(resolve({ retry: { attempts: 9, backoff: ['1s', '10s'] } }).faults).toEqual([])
  expect(resolve({ retry: { attempts: 2, backoff: '1s..1m' } }).faults).toEqual([])
  expectFault(resolve({ retry: { attempts: 2, backoff: ['1s', '10s'] } }).faults, 'BACKOFF', 'lists 2 waits, and between 2 tries there are 1', 'Leave `attempts` out for 3, or')
})

test('error classes that no retry mends are kept', () => {
  class Refused extends Error {}

  expect(resolve({ retry: { unless: [Refused, Error] } })).toMatchObject({ options: { retry: { unless: [Refused, Error] } }, faults: [] })
})

test('a mistyped option gets a suggestion, with the listener named', () => {
  expectFault(resolve({ concurency: 3 }).faults, 'UNKNOWN_OPTION', 'Stock.reserve has no option "concurency"', 'Did you mean "concurrency"?')
  expectFault(resolve({ retry: { attempt: 3 } }).faults, 'UNKNOWN_OPTION', 'Stock.reserve: `retry` has no option "attempt"', 'Did you mean "attempts"?')
  expectFault(resolve({ batch: { size: 1, max: 3 } }).faults, 'UNKNOWN_OPTION', 'Stock.reserve: `batch`')
})

test.each([
  ['5 minutes', 'Did you mean "5m"?'],
  ['10 Sec', 'Did you mean "10s"?'],
  [500, 'Did you mean "500ms"?'],
  ['0s', 'above zero'],
  ['30d', 'below 25 days'],
  ['soon', 'found "soon"'],
  [null, 'found null'],
])('the duration %s is refused', (timeout, says) => {
  expectFault(resolve({ timeout }).faults, 'DURATION', 'Stock.reserve: `timeout`', says)
})

test.each([0, -1, 1.5, '3', [4, 2], [1], [1, 2, 3], 10_001, [0, 3]])('the concurrency %s is refused', (concurrency) => {
  expectFault(resolve({ concurrency }).faults, 'CONCURRENCY', 'Stock.reserve', 'from 1 to 10000')
})

test.each([
  [{ retry: true }, 'RETRY'],
  [{ retry: { attempts: 0 } }, 'NUMBER'],
  [{ retry: { attempts: 1.5 } }, 'NUMBER'],
  [{ retry: { backoff: [] } }, 'BACKOFF'],
  [{ retry: { backoff: '1s-30s' } }, 'BACKOFF'],
  [{ retry: { attempts: 3, backoff: ['1s', '10s', '1m'] } }, 'BACKOFF'],
  [{ retry: { attempts: 1, backoff: ['1s'] } }, 'BACKOFF'],
  [{ retry: { backoff: '30s..1s' } }, 'BACKOFF'],
  [{ retry: { backoff: '1s..later' } }, 'DURATION'],
  [{ retry: { backoff: ['1s', 'later'] } }, 'DURATION'],
  [{ retry: { unless: RangeError } }, 'UNLESS'],
  [{ retry: { unless: [undefined] } }, 'UNLESS'],
  [{ retry: { unless: [Date] } }, 'UNLESS'],
  [{ rate: 10 }, 'RATE'],
  [{ rate: { limit: 0, per: '1s' } }, 'NUMBER'],
  [{ rate: { limit: 1 } }, 'DURATION'],
  [{ rate: { limit: 1, per: '1s', by: 5 } }, 'RATE'],
  [{ transaction: true }, 'TRANSACTION'],
  [{ deadKey: 'stop' }, 'DEAD_KEY'],
  [{ batch: 100 }, 'BATCH'],
  [{ batch: {} }, 'NUMBER'],
  [{ settle: 'auto' }, 'SETTLE'],
  [{ settle: 'manual', batch: { size: 1 } }, 'SETTLE'],
  [5, 'LISTENER_OPTIONS'],
])('%j is refused as %s', (given, code) => {
  expectFault(resolve(given).faults, code, 'Stock.reserve')
})

test('everything that is wrong is found at once, and the rest keeps its default', () => {
  const { options, faults } = resolve({ timeout: 'x', concurrency: 0, retry: { attempts: -1 }, deadkey: 'park' })

  expectCodes(faults, 'DURATION', 'CONCURRENCY', 'NUMBER', 'UNKNOWN_OPTION')
  expect(options).toMatchObject({ timeoutMs: 60_000, concurrency: { min: 10, max: 10 }, retry: { attempts: 6 } })
})
