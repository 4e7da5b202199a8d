import { Listener, Service } from '@waybill/core'
import { harness } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { bench, letters, Moved, moves, of } from './parked.js'

/** The yard whose "a1" dies, in a world where a process may crash between two messages. */
async function slowYard() {
  const taken: string[] = []
  const bad = new Set(['a1'])
  @Service('yard')
  class Yard {
    @Listener(Moved, { retry: false, deadKey: 'park' })
    async on({ id, n }: Moved): Promise<void> {
      await shop.sleep('300ms')
      if (bad.has(`${id}${n}`)) throw new Error('no')
      taken.push(`${id}${n}`)
    }
  }
  const shop = await harness({ services: [Yard] })
  onTestFinished(() => shop.stop())
  for (const move of moves('a1', 'a2', 'a3')) await shop.when(move)
  await shop.advance('5s')
  const reasons = async (): Promise<readonly (string | undefined)[]> => (await shop.deadLetters('yard')).map(({ reason }) => reason)
  const redrive = async (): Promise<number> => {
    const sending = shop.app.deadLetters.redrive(of)
    await shop.advance('100ms')

    return sending
  }

  return { shop, taken, bad, reasons, redrive }
}

test('what was redriven behind a letter that died again stays parked, also where the process dies then', async () => {
  const { shop, taken, bad, reasons, redrive } = await slowYard()

  const sent = await redrive()
  shop.faults.crash({ at: 'after settle', of: Moved, downFor: '1s' })
  await shop.advance('1m')
  const left = await reasons()
  const meanwhile = [...taken]
  bad.clear()
  await redrive()
  await shop.advance('1m')

  expect(sent).toBe(3)
  expect(meanwhile).toEqual([])
  expect(left).toEqual(['FAILED', 'PARKED', 'PARKED'])
  expect(taken).toEqual(['a1', 'a2', 'a3'])
})

test('letters that died again in one redrive free their key in a later one, also of a new process', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app: first } = await start()
  await first.publish(moves('a1', 'a2'))
  await runtime.advance('1s')
  await first.deadLetters.redrive(of)
  await runtime.advance('1s')
  await first.stop()
  bad.clear()
  const { app } = await start()
  await app.publish(moves('a3'))
  await runtime.advance('1s')
  const before = await letters(app)

  await app.deadLetters.redrive(of)
  await app.publish(moves('a4'))
  await runtime.advance('1s')

  expect([...before].sort()).toEqual(['a1 FAILED', 'a2 PARKED', 'a3 PARKED'])
  expect(taken).toEqual(['a1', 'a2', 'a3', 'a4'])
})
