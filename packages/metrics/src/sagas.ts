import type { SagaEvent, SagasEvent } from '@waybill/core'
import { label } from './labels.js'
import { metric } from './names.js'
import type { Count } from './series-counter.js'
import type { Subject } from './subject.js'

const whats: readonly SagaEvent['what'][] = ['started', 'compensating', 'stuck', 'completed', 'compensated']

/** How many sagas are open, stuck, turned back and over. Nothing where the app has none. */
export function sagaMetrics({ meters, observing }: Subject): void {
  const labels = [label.saga] as const
  const known = new Map<string, SagasEvent>()
  meters.gauge({ name: metric.sagas, help: 'Sagas in the store that are not over.', labels: [label.saga, label.status] }, (gauge) => {
    for (const { saga, open } of known.values()) for (const [status, count] of Object.entries(open)) gauge.set({ [label.saga]: saga, [label.status]: status }, count)
  })
  meters.gauge({ name: metric.timersDue, help: 'Timers of sagas whose moment has passed, at most 1,000.', labels }, (gauge) => {
    for (const { saga, timersDue } of known.values()) gauge.set({ [label.saga]: saga }, timersDue)
  })

  const started = meters.counter({ name: metric.sagasStarted, help: 'Sagas that started.', labels })
  const ended = meters.counter({ name: metric.sagasEnded, help: 'Sagas that ended, completed or compensated.', labels: [label.saga, label.status] })
  const turned = meters.counter({ name: metric.compensations, help: 'Sagas that turned back, to be undone.', labels })
  const stuck = meters.counter({ name: metric.sagasStuck, help: 'How often a saga became stuck.', labels })
  const countOf = (saga: string, what: SagaEvent['what']): Count => {
    const of = { [label.saga]: saga }
    if (what === 'started') return started.series(of)
    if (what === 'compensating') return turned.series(of)

    return what === 'stuck' ? stuck.series(of) : ended.series({ ...of, [label.status]: what })
  }
  observing.on('sagas', (event) => {
    if (!known.has(event.saga)) for (const what of whats) countOf(event.saga, what)
    known.set(event.saga, event)
  })
  observing.on('saga', ({ saga, what }) => countOf(saga, what).count++)
}
