import { Event, Listener, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startBed } from './bed.js'

class Noted extends Event('noted.noted', { payload: z.object({ text: z.string() }) }) {}

@Service('audience')
class Audience {
  readonly heard: string[] = []

  @Listener(Noted, { transaction: false })
  hear({ text }: Noted): void {
    this.heard.push(text)
  }
}

test('a message over the size limit is refused at its publish, and the transaction decides what becomes of the rest', async () => {
  const { app, outbox: box } = await startBed({ services: [Audience], limits: { bodyBytes: 1_000 } })
  const large = new Noted({ text: 'x'.repeat(2_000) })

  await app.transaction(async () => {
    await app.publish(new Noted({ text: 'before' }))
    await expect(app.publish(large)).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringMatching(/"noted\.noted" has 20\d\d bytes; listeners take up to 1000/),
    })
    await app.publish(new Noted({ text: 'after' }))
  })
  const rolledBack = app.transaction(async () => {
    await app.publish(new Noted({ text: 'never' }))
    await app.publish(large)
  })

  await expect(rolledBack).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
  await eventually(() => app.get(Audience).heard.length === 2)
  await eventually(async () => (await box.status())[0]?.pending === 0)
  expect(app.get(Audience).heard).toEqual(['before', 'after'])
  expect(await box.parked()).toEqual([])
})

test('a message that expires while it waits in the outbox is not sent, what follows it is, and the log names it', async () => {
  const { app, outbox: box, lines } = await startBed({ services: [Audience] })

  await box.pause()
  await app.transaction(async () => {
    await app.publish(new Noted({ text: 'old news' }), { id: 'old-news', expires: '1ms' })
    await app.publish(new Noted({ text: 'good for an hour' }), { expires: '1h' })
  })
  const written = Date.now()
  await eventually(() => Date.now() > written + 1)
  await box.resume()
  await eventually(() => app.get(Audience).heard.length === 1)
  await eventually(async () => (await box.status())[0]?.pending === 0)

  expect(app.get(Audience).heard).toEqual(['good for an hour'])
  expect(lines.find((line) => line.includes('old-news'))).toBe('The message "old-news" expired before its broker could have it, and is not sent.')
  expect(await box.parked()).toEqual([])
})
