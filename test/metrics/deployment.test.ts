import { readFileSync } from 'node:fs'
import { Event, Listener, Service } from '@waybill/core'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { observe } from './observed-app.js'

const read = (name: string): string => readFileSync(new URL(`../../packages/metrics/shipped/${name}`, import.meta.url), 'utf8')

class Ordered extends Event('ordered', { channel: 'orders', payload: z.object({ order: z.string() }) }) {}
class Changed extends Event('changed', { channel: 'orders', key: 'order', payload: z.object({ order: z.string() }) }) {}

@Service('billing')
class Billing {
  @Listener([Ordered, Changed])
  bill(): void {}
}

test('the probes that are shipped for Kubernetes ask for what the app answers, and its end is waited for', async () => {
  const { observed } = await observe({ serve: { port: 0 } })
  const { template } = (parse(read('kubernetes.yml')) as Deployment).spec
  const [container] = template.spec.containers

  const answers = await Promise.all([container?.livenessProbe, container?.readinessProbe].map((probe) => fetch(new URL(probe?.httpGet.path ?? '', observed.address))))

  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  expect([container?.livenessProbe.httpGet.port, container?.readinessProbe.httpGet.port]).toEqual(['metrics', 'metrics'])
  expect(container?.ports).toEqual([{ name: 'metrics', containerPort: 9464 }])
  expect(template.metadata.annotations['prometheus.io/port']).toBe('9464')
  // The default of `shutdown`, and some.
  expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(25)
})

test('the scaling that is shipped for KEDA looks at every queue of a group', async () => {
  const { broker } = await observe({ app: { name: 'billing', services: [Billing] } })
  const queues = broker
    .queues()
    .map(({ name }) => name)
    .filter((name) => name.startsWith('orders.billing') && !name.endsWith('.dead'))

  const [onRabbit, onKafka] = parseAllDocuments(read('keda.yml')).map((document) => (document.toJS() as ScaledObject).spec)

  expect(onRabbit?.triggers.map(({ type, metadata }) => [type, metadata['queueName']])).toEqual(queues.map((name) => ['rabbitmq', name]))
  expect(onKafka?.triggers.map(({ type, metadata }) => [type, metadata['topic'], metadata['consumerGroup']])).toEqual([['kafka', 'orders', 'orders.billing']])
  expect([onRabbit?.scaleTargetRef, onKafka?.scaleTargetRef]).toEqual([{ name: 'billing' }, { name: 'billing' }])
})

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly containers: readonly { readonly ports: readonly unknown[]; readonly livenessProbe: Probe; readonly readinessProbe: Probe }[]
      }
    }
  }
}

interface ScaledObject {
  readonly spec: {
    readonly scaleTargetRef: object
    readonly triggers: readonly { readonly type: string; readonly metadata: Readonly<Record<string, string>> }[]
  }
}
