import { Command, createApp, type Delivery, DeadLetter, Listener, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'

class SendMail extends Command('mail.send', { payload: z.object({ to: z.string() }) }) {}

@Service('post')
class Post {
  isBack: (to: string) => void = () => undefined

  @Listener(SendMail, { retry: { attempts: 3, backoff: ['10ms', '20ms'] } })
  send({ to }: SendMail, { attempt }: Delivery): void {
    // Trying again cannot help: this decides at once.
    if (!to.includes('@')) throw new DeadLetter(`"${to}" is no address`)
    if (to.startsWith('bob') && attempt < 3) {
      console.log(`try ${attempt}: the mail server is away`)
      throw new Error('the mail server is away')
    }
    console.log(`try ${attempt}: sent to ${to}`)
    this.isBack(to)
  }
}

const app = createApp({ name: 'post-office', services: [Post], transport: memory(), log: false })
const group = { channel: 'mail', group: 'post' }
await app.start()

const sent = new Promise<string>((resolve) => {
  app.get(Post).isBack = resolve
})
await app.publish(new SendMail({ to: 'bob@example.org' }))
await sent

await app.publish(new SendMail({ to: 'nobody' }))
for (let letters = await app.deadLetters.list(group); ; letters = await app.deadLetters.list(group)) {
  const [letter] = letters
  if (letter) {
    console.log(`dead letter: ${letter.name}, ${letter.reason}, ${letter.message}`)
    break
  }
  await new Promise((resolve) => setTimeout(resolve, 5))
}

console.log(`discarded: ${await app.deadLetters.discard(group, { because: 'it never had an address' })}`)
await app.stop()
