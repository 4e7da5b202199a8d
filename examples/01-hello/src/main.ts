import { createApp, Event, Listener, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'

class Greeted extends Event('greeting.sent', { payload: z.object({ name: z.string() }) }) {}

@Service('printer')
class Printer {
  @Listener(Greeted)
  print(greeting: Greeted): void {
    console.log(`Hello, ${greeting.name}!`)
  }
}

const app = createApp({ name: 'hello', services: [Printer], transport: memory() })
await app.start()
await app.publish(new Greeted({ name: 'world' }))
