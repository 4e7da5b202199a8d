import { type AppOptions, createApp, Event, Listener, Service, unchecked } from '@waybill/core'
import { type RabbitOptions, rabbitmq } from '@waybill/transport-rabbitmq'
import { describe, expect, test } from 'vitest'
import { bed, url } from '../transport-rabbitmq/bed.js'

class OrderPlaced extends Event('order.placed', { channel: 'orders', payload: unchecked<object>() }) {}

@Service('billing')
class Billing {
  @Listener(OrderPlaced)
  bill(): void {
    // Nothing comes here: the app never starts.
  }
}

const { host } = new URL(url)

describe('an app whose broker is not as it says', () => {
  const broker = bed()
  const errorOf = async (options: RabbitOptions, more: Partial<AppOptions> = {}): Promise<Error> => {
    const app = createApp({
      name: 'shop',
      namespace: broker.namespace(),
      services: [Billing],
      transport: rabbitmq(options),
      startDeadline: '1500ms',
      signals: false,
      log: false,
      ...more,
    } as AppOptions)
    const error = await app.start().then(
      () => undefined,
      (found: unknown) => found,
    )
    await app.stop()
    if (!(error instanceof Error)) throw new Error('The app started.')

    return error
  }

  test('an unreachable host is named, with what was tried and for how long', async () => {
    const { message } = await errorOf({ url: 'amqp://127.0.0.1:1' })

    expect(message).toMatch(/127\.0\.0\.1:1/)
    expect(message).toMatch(/ECONNREFUSED/)
  })

  test('a refused login names the host and the options to look at', async () => {
    const { message } = await errorOf({ url, credentials: { username: 'nobody', password: 'nothing' } })

    expect(message).toContain(`"${host}"`)
    expect(message).toMatch(/user name or the password\. Check "url" and "credentials"/)
  })

  test('a wrong vhost is named, with what may be wrong and what to do', async () => {
    const { message } = await errorOf({ url, vhost: 'nobody-made-this' })

    expect(message).toMatch(/vhost "nobody-made-this": it does not exist, this user has no rights on it, or a limit of connections is reached\. Create it/)
  })

  test('wrong options are all told at once, before anything is connected', async () => {
    const { message } = await errorOf({ url: 'http://rabbit', declare: 'maybe', hartbeat: '1s', heartbeat: 'soon' } as unknown as RabbitOptions)

    for (const part of ['"hartbeat"', '"heartbeat"', '"declare" takes "create", "check" or "none"; found "maybe"']) expect(message).toContain(part)
  })

  test('S8 a queue of another shape is told with expected and found', async () => {
    const namespace = broker.namespace()
    await broker.channel.assertQueue(`${namespace}.orders.billing`, { durable: true, arguments: { 'x-queue-type': 'classic' } })

    const { message } = await errorOf({ url }, { namespace })
    await broker.channel.deleteQueue(`${namespace}.orders.billing`)

    expect(message).toContain(`queue "${namespace}.orders.billing"`)
    expect(message).toMatch(/"x-[a-z-]+" expected .*, found .*there may be more/)
  })

  test('a broker that refuses is asked no more often than the back-off says', async () => {
    const party = broker.stranger({ url: 'amqp://127.0.0.1:1' })
    const connecting = party.transport.connect(party.host).catch((error: unknown) => error)
    const waits = () => party.states.flatMap(({ kind, purpose, nextTryMs }) => (kind === 'lost' && purpose === 'consuming' ? [nextTryMs] : []))

    await expect.poll(() => waits().length, { timeout: 15_000 }).toBeGreaterThanOrEqual(5)
    await party.transport.close(0)
    await connecting

    for (const [index, waitMs] of waits().entries()) expect(waitMs).toBeLessThanOrEqual(Math.min(4_000, 100 * 2 ** index))
  })
})
