import { expect, onTestFinished, test, vi } from 'vitest'
import { runProgram } from './program.js'
import { newFolder, shopJourney } from './shop-journey.js'

shopJourney('rabbitmq')

test('a password that RabbitMQ refuses ends the shop, and is the last thing it says', { timeout: 60_000 }, async () => {
  const { host } = new URL(process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://127.0.0.1:5672')
  onTestFinished(() => void vi.unstubAllEnvs())
  vi.stubEnv('WAYBILL_RABBITMQ_URL', `amqp://guest:wrong@${host}`)
  const shop = runProgram('examples/shop/dist/main.js', '--port', '0', '--broker', 'rabbitmq', '--data', newFolder())

  expect(await shop.ended).toBe(1)
  expect(shop.output.trimEnd().split('\n').at(-1)).toContain('refused the user name or the password')
})
