import type { MemoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { bench, letters, moves, of } from './parked.js'

test('later messages of a dead key are parked beside it, those of other keys go on', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app } = await start()

  await app.publish(moves('a1', 'b1', 'a2', 'b2', 'a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1', 'b2'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED', 'a3 PARKED'])
})

test('R9 a redrive of the key in order frees it', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2', 'a3'))
  await runtime.advance('1s')
  bad.clear()

  const count = await app.deadLetters.redrive(of, { key: 'a' })
  await app.publish(moves('a4'))
  await runtime.advance('1s')

  expect(count).toBe(3)
  expect(taken).toEqual(['a1', 'a2', 'a3', 'a4'])
  expect(await letters(app)).toEqual([])
})

test('a key stays parked while any of its letters is left', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2'))
  await runtime.advance('1s')
  bad.clear()
  const [first] = await app.deadLetters.list(of)

  await app.deadLetters.redrive(of, { ids: [first?.id ?? ''] })
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a1'])
  expect(await letters(app)).toEqual(['a2 PARKED', 'a3 PARKED'])
})

test('R9 what stands behind an earlier letter that stays is neither redriven nor edited', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2', 'a3', 'b1'))
  await runtime.advance('1s')
  bad.clear()
  const behind = (await app.deadLetters.list(of))[2]?.id ?? ''

  expect(await app.deadLetters.redrive(of, { reason: 'PARKED' })).toBe(0)
  await expect(app.deadLetters.edit(of, behind, { payload: { id: 'a', n: 7 } })).rejects.toMatchObject({ code: 'BEHIND', message: expect.stringContaining(behind) })
  await runtime.advance('1s')
  expect(taken).toEqual(['b1'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED', 'a3 PARKED'])

  expect(await app.deadLetters.redrive(of, { reason: 'FAILED' })).toBe(1)
  await runtime.advance('1s')
  expect(await app.deadLetters.redrive(of, { reason: 'PARKED' })).toBe(2)
  await runtime.advance('1s')
  expect(taken).toEqual(['b1', 'a1', 'a2', 'a3'])
})

test('a key stays parked while one of two letters with one id is left', async () => {
  const { runtime, broker, taken, bad, start } = bench('a1')
  const { app } = await start()
  for (const n of [1, 2]) broker.send(sameId(n))
  await runtime.advance('1s')
  bad.clear()

  await app.deadLetters.redrive(of, { limit: 1 })
  await app.publish(moves('a3'))
  await runtime.advance('1s')
  expect(taken).toEqual(['a1'])
  expect(await letters(app)).toEqual(['a2 PARKED', 'a3 PARKED'])

  await app.deadLetters.redrive(of)
  await app.publish(moves('a4'))
  await runtime.advance('1s')
  expect(taken).toEqual(['a1', 'a2', 'a3', 'a4'])
})

test('an edit changes one of two letters with one id, the oldest, and leaves the other', async () => {
  const { runtime, broker, taken, bad, start } = bench('a1', 'a2')
  const { app } = await start()
  for (const n of [1, 2]) broker.send(sameId(n))
  await runtime.advance('1s')
  bad.clear()

  await app.deadLetters.edit(of, 'same', { payload: { id: 'b', n: 7 } })
  await runtime.advance('1s')

  expect(taken).toEqual(['b7'])
  expect(await letters(app)).toEqual(['a2 PARKED'])
})

function sameId(n: number): Parameters<MemoryBroker['send']>[0] {
  const headers = { cloudEvents_id: 'same', cloudEvents_type: 'goods.moved', cloudEvents_source: '/x', cloudEvents_subject: 'a' }

  return { exchange: 'goods', routingKey: 'goods.moved.keyed.0', headers, body: JSON.stringify({ id: 'a', n }), contentType: 'application/json' }
}

test('a key whose only letter was edited and done is free', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1'))
  await runtime.advance('1s')
  const [letter] = await app.deadLetters.list(of)

  await app.deadLetters.edit(of, letter?.id ?? '', { payload: { id: 'a', n: 2 } })
  await runtime.advance('1s')
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a2', 'a3'])
})

test('a key whose only letter was edited to another key is free', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1'))
  await runtime.advance('1s')
  const [letter] = await app.deadLetters.list(of)

  await app.deadLetters.edit(of, letter?.id ?? '', { payload: { id: 'b', n: 1 } })
  await runtime.advance('1s')
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1', 'a3'])
})

test('a redriven message that dies again parks those of its redrive behind it', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2', 'a3'))
  await runtime.advance('1s')

  await app.deadLetters.redrive(of, { key: 'a' })
  await runtime.advance('1s')
  const again = await letters(app)
  bad.clear()
  await app.deadLetters.redrive(of, { key: 'a' })
  await runtime.advance('1s')

  expect([...again].sort()).toEqual(['a1 FAILED', 'a2 PARKED', 'a3 PARKED'])
  expect(taken).toEqual(['a1', 'a2', 'a3'])
})

test('a key is free when what died again in a redrive is redriven and done', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2'))
  await runtime.advance('1s')

  await app.deadLetters.redrive(of, { key: 'a' })
  await runtime.advance('1s')
  bad.clear()
  await app.deadLetters.redrive(of, { key: 'a' })
  await runtime.advance('1s')
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a1', 'a2', 'a3'])
})

test('a key whose letters were discarded is free', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2'))
  await runtime.advance('1s')

  await app.deadLetters.discard(of, { key: 'a', because: 'lost in the yard' })
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a3'])
})

test('B15 a message that says of itself that it was redriven is parked all the same', async () => {
  const { runtime, broker, taken, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1'))
  await runtime.advance('1s')

  const headers = { cloudEvents_id: 'x', cloudEvents_type: 'goods.moved', cloudEvents_source: '/x', cloudEvents_subject: 'a', 'waybill-redriven': 'yes' }
  broker.send({ exchange: 'goods', routingKey: 'goods.moved.keyed.0', headers, body: '{"id":"a","n":2}', contentType: 'application/json' })
  await runtime.advance('1s')

  expect(taken).toEqual([])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test('two redrives that are asked for at once send each letter once', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2', 'a3'))
  await runtime.advance('1s')
  bad.clear()

  const redriving = Promise.all([app.deadLetters.redrive(of, { limit: 1 }), app.deadLetters.redrive(of)])
  await runtime.advance('1s')

  expect(await redriving).toEqual([1, 2])
  expect(taken).toEqual(['a1', 'a2', 'a3'])
})

test('a letter that is discarded while a redrive is asked for does not come back', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2', 'a3'))
  await runtime.advance('1s')
  bad.clear()

  const both = Promise.all([app.deadLetters.discard(of, { reason: 'FAILED', because: 'a test' }), app.deadLetters.redrive(of)])
  await runtime.advance('1s')

  expect(await both).toEqual([1, 2])
  expect(taken).toEqual(['a2', 'a3'])
})
