import { createServer } from 'node:http'
import { once } from 'node:events'
import { Event, Listener, Service } from '@waybill/core'
import { type Alert, alerts, type AlertOptions } from '@waybill/metrics'
import { eventually, type Harness, harness } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate } from '../core/on-memory.js'

class Called extends Event('called', { channel: 'calls', payload: z.object({ n: z.number() }) }) {}

interface Desk {
  readonly line: Harness
  readonly told: Alert[]
  /** What callers hear from now on. */
  answer: 'well' | 'broken' | 'nothing'
  readonly open: () => void
}

async function desk(options: AlertOptions = {}): Promise<Desk> {
  const told: Alert[] = []
  const { opened, open } = gate()
  const state: { answer: Desk['answer'] } = { answer: 'well' }

  @Service('desk')
  class Answering {
    @Listener(Called, { retry: false, concurrency: 1 })
    async take(): Promise<void> {
      if (state.answer === 'broken') throw new Error('The line is broken.')
      if (state.answer === 'nothing') await opened
    }
  }
  const line = await harness({ services: [Answering], plugins: [alerts({ send: (alert) => void told.push(alert), ...options })], patience: '5ms' })
  onTestFinished(() => line.stop())

  return Object.assign(state, { line, told, open: () => open() })
}

async function call(line: Harness, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await line.when(new Called({ n }))
}

test('a listener that fails too often raises one alert, and its repair clears it', async () => {
  const broken = await desk({ failures: 5 })
  broken.answer = 'broken'
  await call(broken.line, 10)
  await broken.line.advance('3m')

  expect(broken.told).toMatchObject([{ rule: 'WaybillFailures', state: 'raised', about: 'group "desk" on "calls"', value: 10, limit: 5, severity: 'warning' }])
  expect(broken.told[0]?.text).toContain('10 tries failed within five minutes in group "desk" on "calls"; the limit is 5.')

  broken.answer = 'well'
  await call(broken.line, 10)
  await broken.line.advance('6m')

  expect(broken.told.map(({ state }) => state)).toEqual(['raised', 'cleared'])
})

test('a queue that grows raises an alert within a minute, and is told well only when it is well below its limit', async () => {
  const busy = await desk({ depth: 10 })
  busy.answer = 'nothing'
  await call(busy.line, 60)
  await busy.line.advance('1m')

  expect(busy.told).toMatchObject([{ rule: 'WaybillQueueDepth', state: 'raised', limit: 10 }])

  busy.open()
  await busy.line.advance('2m')

  expect(busy.told).toMatchObject([{}, { rule: 'WaybillQueueDepth', state: 'cleared', value: 0 }])
})

test('rules that are switched off say nothing', async () => {
  const off = await desk({ failures: false, depth: false })
  off.answer = 'broken'

  await call(off.line, 200)
  await off.line.advance('10m')

  expect(off.told).toEqual([])
})

test('F38 a function for alerts that throws or hangs changes nothing for messages or for the next alert', async () => {
  const said: string[] = []
  const send = ({ rule, state }: Alert): Promise<void> => {
    said.push(`${rule} ${state}`)
    if (state === 'raised') throw new Error('The pager is off.')

    return new Promise(() => undefined)
  }
  const broken = await desk({ failures: 1, send })
  broken.answer = 'broken'
  await call(broken.line, 3)
  await broken.line.advance('2m')
  broken.answer = 'well'
  await call(broken.line, 3)
  await broken.line.advance('6m')

  expect(said).toEqual(['WaybillFailures raised', 'WaybillFailures cleared'])
})

test('a webhook gets each alert as JSON, and is tried again when it does not take it', async () => {
  const bodies: unknown[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part) => (text += String(part)))
    request.on('end', () => {
      bodies.push(JSON.parse(text))
      response.writeHead(bodies.length === 1 ? 503 : 204).end()
    })
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const broken = await desk({ failures: 1, webhook: `http://127.0.0.1:${port}/alerts` })
  broken.answer = 'broken'
  await call(broken.line, 3)
  await broken.line.advance('1m')

  await eventually(async () => {
    await broken.line.advance('1s')

    return bodies.length === 2
  })
  expect(bodies[1]).toMatchObject({ rule: 'WaybillFailures', state: 'raised', app: 'app', value: 3 })
})

test('mistakes in the options are told at start', async () => {
  const wrong = desk({ depth: -1, every: '10ms', webhook: 'nowhere', ...{ failure: 3 } })

  await expect(wrong).rejects.toThrow(/Did you mean "failures"\?[\s\S]*"webhook"[\s\S]*"every"[\s\S]*"depth"/)
})
