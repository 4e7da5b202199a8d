import { virtualRuntime } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { OnTheWay } from '../../packages/core/src/on-the-way.js'
import { gate, startApp } from './on-memory.js'
import { bench, letters, moves, of, slowly, yard } from './parked.js'

test('R9 what waited before the redriven letters of its key is parked, also where the dead letters are read when these have left', async () => {
  const { runtime, broker, taken, bad } = bench('a1')
  const read = { isSlow: false }
  const { opened, open } = gate()
  const { app } = await startApp({ runtime, services: [yard(taken, (text) => bad.has(text))], transport: slowly(memory({ broker }), read, 'after', opened) })
  await app.publish(moves('a1'))
  await runtime.advance('10s')
  bad.clear()

  read.isSlow = true
  await app.publish(moves('a2'))
  await runtime.advance('1ms')
  read.isSlow = false
  await app.deadLetters.redrive(of)
  open()
  await runtime.advance('1s')
  await app.publish(moves('b1'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a1', 'b1'])
  expect(await letters(app)).toEqual(['a2 PARKED'])
  await app.deadLetters.redrive(of)
  await app.publish(moves('a3'))
  await runtime.advance('1s')
  expect(taken).toEqual(['a1', 'b1', 'a2', 'a3'])
})

test('a letter that was sent again is waited for a minute after its key was heard of last: another process may have it', async () => {
  const runtime = virtualRuntime()
  const onTheWay = new OnTheWay(runtime)
  const mark = (text: string): { text: string; isShared: boolean } => ({ text, isShared: false })
  onTheWay.sent('a', mark('one'))
  onTheWay.sent('a', mark('two'))
  onTheWay.sent('b', mark('three'))

  await runtime.advance('50s')
  onTheWay.came('a', mark('one'))
  await runtime.advance('50s')
  const late = onTheWay.all()
  await runtime.advance('11s')

  expect(late).toEqual([['a', mark('two')]])
  expect(onTheWay.all()).toEqual([])
})
