import { Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { outbox, Transactional } from '@waybill/outbox'
import { memoryStore } from '@waybill/store-memory'
import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })
class Asked extends Event('asked.asked', { payload }) {}
class Told extends Event('told.told', { payload }) {}

test('D2 what a listener publishes by another app of its process is sent by that app, whatever becomes of the listener', async () => {
  const heard: string[] = []
  const { app: there } = await startApp({ name: 'there', services: [earsOf('there', heard)] })
  @Service('bridge')
  class Bridge {
    @Listener(Asked, { retry: false })
    async cross({ n }: Asked): Promise<void> {
      await there.publish(new Told({ n }))
      if (n === 2) throw new Error('it fails afterwards')
    }
  }
  const { app: here } = await startApp({ name: 'here', services: [Bridge, earsOf('here', heard)] })

  await here.publish([new Asked({ n: 1 }), new Asked({ n: 2 })])

  await eventually(() => heard.length === 2)
  expect(heard.sort()).toEqual(['there 1', 'there 2'])
})

test('D2 a transaction of another app of the process is that app, and stays committed', async () => {
  const heard: string[] = []
  @Service('teller')
  class Teller {
    constructor(@Publisher(Told) readonly told: Publish<Told>) {}

    @Transactional()
    async tell(n: number): Promise<void> {
      await this.told({ n })
    }
  }
  const { app: there } = await startApp({ name: 'there', services: [Teller, earsOf('there', heard)], plugins: [outbox(memoryStore())] })
  @Service('bridge')
  class Bridge {
    @Listener(Asked, { retry: false })
    async cross({ n }: Asked): Promise<void> {
      await there.get(Teller).tell(n)
      if (n === 2) throw new Error('it fails afterwards')
    }
  }
  const { app: here } = await startApp({ name: 'here', services: [Bridge, earsOf('here', heard)], plugins: [outbox(memoryStore())] })

  await here.publish([new Asked({ n: 1 }), new Asked({ n: 2 })])

  await eventually(() => heard.length === 2)
  expect(heard.sort()).toEqual(['there 1', 'there 2'])
})

function earsOf(app: string, heard: string[]) {
  @Service('ears')
  class Ears {
    @Listener(Told)
    hear({ n }: Told): void {
      heard.push(`${app} ${n}`)
    }
  }

  return Ears
}
