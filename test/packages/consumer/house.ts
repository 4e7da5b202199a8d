import 'reflect-metadata'
import { createApp, Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'

export class Greeted extends Event('greeting.said', { payload: z.object({ name: z.string() }) }) {}

@Service('door')
export class Door {
  constructor(@Publisher(Greeted) private readonly greeted: Publish<Greeted>) {}

  async open(name: string): Promise<void> {
    await this.greeted({ name })
  }
}

let hear: (name: string) => void
const heard = new Promise<string>((resolve) => {
  hear = resolve
})

@Service('hall')
export class Hall {
  @Listener(Greeted)
  receive(greeted: Greeted): void {
    hear(greeted.name)
  }
}

const app = createApp({ name: 'house', services: [Door, Hall], transport: memory(), log: false })
await app.start()
await app.get(Door).open('Ada')
console.log(`hello, ${await heard}`)
await app.stop()
