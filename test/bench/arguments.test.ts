import { expect, test } from 'vitest'
import { parseArguments } from './arguments.js'
import { labelOf, scenarios } from './scenario.js'

test('a broker alone plays all of its scenarios for five rounds', () => {
  const options = parseArguments(['rabbitmq'])

  expect(options.scenarios).toEqual(scenarios.filter(({ broker }) => broker === 'rabbitmq'))
  expect(options).toMatchObject({ broker: 'rabbitmq', rounds: 5, json: false })
  expect(options).toMatchObject({ messages: undefined, contenders: undefined, profile: undefined })
})

test('scenarios are named with or without their broker', () => {
  const options = parseArguments(['kafka', 'consume', 'kafka/publish-100'])

  expect(options.scenarios.map(labelOf)).toEqual(['kafka/publish-100', 'kafka/consume'])
})

test('options stand anywhere, with a blank or an equals sign before the value', () => {
  const options = parseArguments(['--json', 'rabbitmq', '--rounds=3', 'publish', '--messages', '5000', '--contenders', 'raw,waybill'])

  expect(options).toMatchObject({ json: true, rounds: 3, messages: 5000, contenders: ['raw', 'waybill'] })
  expect(options.scenarios.map(labelOf)).toEqual(['rabbitmq/publish'])
})

test.each([
  { argv: [], sentence: 'No broker given. Known: rabbitmq, kafka, dispatch, observe, outbox, saga, harness.' },
  { argv: ['rabbit'], sentence: 'Unknown broker "rabbit". Known: rabbitmq, kafka, dispatch, observe, outbox, saga, harness.' },
  { argv: ['kafka', 'publish'], sentence: 'Unknown scenario "publish". Known for kafka: publish-awaited, publish-100, consume, consume-16-keys, latency.' },
  { argv: ['rabbitmq', '--round', '3'], sentence: 'Unknown option "--round". Known: --rounds N' },
  { argv: ['rabbitmq', '--rounds'], sentence: 'Option "--rounds" needs a value: --rounds N.' },
  { argv: ['rabbitmq', '--messages', '--json'], sentence: 'Option "--messages" needs a value: --messages N.' },
  { argv: ['rabbitmq', '--rounds', '0'], sentence: 'Option "--rounds" expects a whole number from 1, found "0".' },
  { argv: ['rabbitmq', '--messages', '1e3'], sentence: 'Option "--messages" expects a whole number from 1, found "1e3".' },
])('a mistake is answered with what is known: $sentence', ({ argv, sentence }) => {
  expect(() => parseArguments(argv)).toThrow(sentence)
})
