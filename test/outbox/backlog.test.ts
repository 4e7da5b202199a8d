import { Listener, type Publish, Publisher, Service } from '@waybill/core'
import { expect, test } from 'vitest'
import { Asked, Told } from './bed.js'
import { startedApp } from './started.js'

@Service('echo')
class Echo {
  readonly heard: number[] = []

  constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

  @Listener(Asked)
  async echo({ n }: Asked): Promise<void> {
    await this.tell({ n })
  }

  @Listener(Told)
  hear({ n }: Told): void {
    this.heard.push(n)
  }
}

test('where more waits for a broker than is to, callers are refused, listeners wait, and both go on when it has taken some', async () => {
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const { app, box, runtime } = await startedApp({ services: [Echo], outbox: { backlog: 10 }, log: { debug: () => undefined, info: note, warn: note, error: note } })
  const tell = (n: number): Promise<void> => app.transaction(() => app.publish(new Told({ n })))

  await box.pause()
  for (let n = 0; n < 11; n++) await tell(n)
  await runtime.advance('2s')
  await expect(tell(11)).rejects.toMatchObject({ code: 'OUTBOX_FULL', message: expect.stringContaining('More than 10 messages wait in the outbox for "memory"') })
  const asked = app.publish(new Asked({ n: 12 }))
  await runtime.advance('5m')
  await asked
  const during = (await box.status()).map(({ pending }) => pending)
  await box.resume()
  await runtime.advance('2m')
  await tell(13)
  await runtime.advance('2s')

  expect(during).toEqual([11])
  expect([...app.get(Echo).heard].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13])
  expect(lines.filter((line) => line.includes('wait in the outbox for "memory"'))).toEqual([
    expect.stringMatching(/^11 messages wait in the outbox for "memory", and 10 are to at most/),
    expect.stringMatching(/^Fewer than 10 messages wait/),
  ])
  expect(lines.filter((line) => line.includes('lost'))).toEqual([])
})
