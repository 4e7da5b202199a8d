import { createApp, type Plugin } from '@waybill/core'
import { alerts, metrics } from '@waybill/metrics'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'

const cases: readonly (readonly [string, () => Plugin, string, string])[] = [
  ['metrics(null)', () => metrics(null as never), 'METRICS_OPTION', 'metrics takes an object of options; found null.'],
  ['metrics({ serve: 1 })', () => metrics({ serve: 1 as never }), 'METRICS_OPTION', '"serve" of metrics is to be true, false or an object such as { port: 9464 }; found 1.'],
  ['metrics({ serve: { prot } })', () => metrics({ serve: { prot: 1 } as never }), 'UNKNOWN_OPTION', 'has no option "prot". Did you mean "port"?'],
  ['metrics({ serve: { host: 7 } })', () => metrics({ serve: { host: 7 as never } }), 'METRICS_OPTION', '"serve.host" of metrics'],
  ['metrics({ defaults: "yes" })', () => metrics({ defaults: 'yes' as never }), 'METRICS_OPTION', '"defaults" of metrics is to be true or false; found "yes".'],
  ['metrics({ buckets: 5 })', () => metrics({ buckets: 5 as never }), 'METRICS_OPTION', '"buckets" of metrics is to be an object'],
  ['metrics({ buckets: { process: 5 } })', () => metrics({ buckets: { process: 5 as never } }), 'METRICS_OPTION', '"buckets.process" of metrics is to be a list'],
  ['metrics({ buckets: { proces } })', () => metrics({ buckets: { proces: [1] } as never }), 'UNKNOWN_OPTION', 'Did you mean "process"?'],
  ['metrics({ ready: 5 })', () => metrics({ ready: 5 as never }), 'METRICS_OPTION', '"ready" of metrics is to be an object'],
  [
    'metrics({ ready: { depth: "1" } })',
    () => metrics({ ready: { depth: '1' as never } }),
    'METRICS_OPTION',
    '"ready.depth" of metrics is to be a number of 0 or more; found "1".',
  ],
  ['metrics({ ready: { outboxAge: 5 } })', () => metrics({ ready: { outboxAge: 5 as never } }), 'METRICS_OPTION', '"ready.outboxAge" of metrics is to be a duration'],
  ['metrics({ ready: { dept } })', () => metrics({ ready: { dept: 5 } as never }), 'UNKNOWN_OPTION', 'Did you mean "depth"?'],
  ['alerts(null)', () => alerts(null as never), 'ALERT_OPTION', 'alerts takes an object of options; found null.'],
  ['alerts({ send: "x" })', () => alerts({ send: 'x' as never }), 'ALERT_OPTION', '"send" of alerts is to be a function that takes an alert; found "x".'],
  ['alerts({ webhook: 7 })', () => alerts({ webhook: 7 as never }), 'ALERT_OPTION', '"webhook" of alerts is to be an address'],
]

test.each(cases)('%s is told at start', async (_title, make, code, message) => {
  const app = createApp({ name: 'till', services: [], transport: memory(), plugins: [make()], signals: false, log: false })

  await expect(app.start()).rejects.toMatchObject({ faults: [{ code, message: expect.stringContaining(message) }] })
})
