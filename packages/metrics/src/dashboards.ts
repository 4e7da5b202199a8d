import { label } from './labels.js'
import { metric } from './names.js'

/** One board for Grafana 10 and later: give it to Grafana's import as JSON. */
export interface Dashboard {
  readonly title: string
  readonly uid: string
  readonly panels: readonly object[]
  readonly [key: string]: unknown
}

/** What operators look at, by the name of the file that the package ships. */
export function grafanaDashboards(): Readonly<Record<'overview' | 'listeners' | 'outbox' | 'sagas', Dashboard>> {
  return { overview: overview(), listeners: listeners(), outbox: outbox(), sagas: sagas() }
}

const { channel, group } = label
const width = 12
const height = 8

interface Panel {
  readonly title: string
  readonly [key: string]: unknown
}

function overview(): Dashboard {
  return dashboard('waybill-overview', 'Waybill: overview', [
    graph('Published', 'ops', `sum by (${channel}) (rate(${metric.sent}[$__rate_interval]))`, channel),
    graph('Consumed', 'ops', `sum by (${group}) (rate(${metric.consumed}[$__rate_interval]))`, group),
    graph('Failed', 'ops', `sum by (${group}, ${label.reason}) (rate(${metric.failures}[$__rate_interval]))`, group, label.reason),
    graph('Processing time, 99 of 100', 's', quantile(0.99, metric.process, group), group),
    graph('Queue depth', 'short', `max by (${channel}, ${group}) (${metric.depth})`, channel, group),
    graph('Oldest waiting', 's', `min by (${channel}, ${group}) (${metric.oldest})`, channel, group),
    graph('Dead letters', 'short', `max by (${channel}, ${group}) (${metric.deadDepth})`, channel, group),
    graph('Became dead letters', 'ops', `sum by (${group}, ${label.reason}) (rate(${metric.deadLetters}[$__rate_interval]))`, group, label.reason),
    graph('Connections up', 'short', `min by (${label.transport}, ${label.purpose}) (${metric.up})`, label.transport, label.purpose),
    graph('Connections blocked', 'short', `max by (${label.transport}, ${label.purpose}) (${metric.connectionBlocked})`, label.transport, label.purpose),
    graph('Reconnects', 'short', `sum by (${label.transport}) (increase(${metric.reconnects}[$__rate_interval]))`, label.transport),
    graph('Unconfirmed', 'short', `sum by (${label.transport}) (${metric.unconfirmed})`, label.transport),
    graph('Callers that wait to publish', 'short', `sum by (${label.transport}) (${metric.waiting})`, label.transport),
    graph('Not taken by the broker', 'ops', `sum by (${channel}, ${label.error}) (rate(${metric.sent}{${label.error}!=""}[$__rate_interval]))`, channel, label.error),
    graph('Returned', 'ops', `sum by (${channel}) (rate(${metric.returned}[$__rate_interval]))`, channel),
    graph('Event loop late, 99 of 100', 's', `max(${metric.loopDelay}{${label.quantile}="0.99"})`),
  ])
}

function sagas(): Dashboard {
  const { saga, status } = label

  return dashboard('waybill-sagas', 'Waybill: sagas', [
    graph('Open', 'short', `max by (${saga}, ${status}) (${metric.sagas})`, saga, status),
    graph('Timers whose moment has passed', 'short', `max by (${saga}) (${metric.timersDue})`, saga),
    graph('Started', 'ops', `sum by (${saga}) (rate(${metric.sagasStarted}[$__rate_interval]))`, saga),
    graph('Ended', 'ops', `sum by (${saga}, ${status}) (rate(${metric.sagasEnded}[$__rate_interval]))`, saga, status),
    graph('Turned back', 'ops', `sum by (${saga}) (rate(${metric.compensations}[$__rate_interval]))`, saga),
    graph('Became stuck', 'short', `sum by (${saga}) (increase(${metric.sagasStuck}[$__rate_interval]))`, saga),
  ])
}

function listeners(): Dashboard {
  return dashboard('waybill-listeners', 'Waybill: listeners', [
    graph('Consumed', 'ops', `sum by (${label.listener}) (rate(${metric.consumed}[$__rate_interval]))`, label.listener),
    graph('Failed', 'ops', `sum by (${label.listener}, ${label.reason}) (rate(${metric.failures}[$__rate_interval]))`, label.listener, label.reason),
    graph('Processing time, half', 's', quantile(0.5, metric.process, label.listener), label.listener),
    graph('Processing time, 99 of 100', 's', quantile(0.99, metric.process, label.listener), label.listener),
    graph('Critical time, half', 's', quantile(0.5, metric.critical, label.listener), label.listener),
    graph('Critical time, 99 of 100', 's', quantile(0.99, metric.critical, label.listener), label.listener),
    graph('Tried again', 'ops', `sum by (${label.listener}, ${label.keptBy}) (rate(${metric.retries}[$__rate_interval]))`, label.listener, label.keptBy),
    graph('Came again', 'ops', `sum by (${label.listener}) (rate(${metric.redelivered}[$__rate_interval]))`, label.listener),
    graph('In flight', 'short', `sum by (${group}) (${metric.inFlight})`, group),
    graph('In hand and blocked', 'short', `sum by (${group}) (${metric.blocked})`, group),
    graph('Consumers', 'short', `max by (${channel}, ${group}) (${metric.consumers})`, channel, group),
    graph('Skipped', 'ops', `sum by (${channel}, ${group}) (rate(${metric.skipped}[$__rate_interval]))`, channel, group),
    graph('Publish time, 99 of 100', 's', quantile(0.99, metric.operation, channel), channel),
    graph('Versions', 'short', `count by (${label.app}, ${label.node}) (${metric.build})`, label.app, label.node),
  ])
}

function outbox(): Dashboard {
  return dashboard('waybill-outbox', 'Waybill: outbox', [
    graph('Pending', 'short', `max by (${label.shard}) (${metric.outboxPending})`, label.shard),
    graph('Oldest pending', 's', `max by (${label.shard}) (${metric.outboxOldest})`, label.shard),
    graph('Sent', 'ops', `sum by (${label.shard}) (rate(${metric.outboxSent}[$__rate_interval]))`, label.shard),
    graph('Commit to confirm, 99 of 100', 's', quantile(0.99, metric.outboxDispatch, label.shard), label.shard),
    graph('Parked', 'short', `max by (${label.shard}) (${metric.outboxParked})`, label.shard),
    graph('Duplicates', 'ops', `sum by (${channel}, ${group}) (rate(${metric.duplicates}[$__rate_interval]))`, channel, group),
  ])
}

function graph(title: string, unit: string, expr: string, ...legend: readonly string[]): Panel {
  return {
    title,
    type: 'timeseries',
    datasource: { type: 'prometheus', uid: `\${source}` },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: [{ refId: 'A', expr, legendFormat: legend.map((name) => `{{${name}}}`).join(', ') || title }],
  }
}

function quantile(of: number, name: string, by: string): string {
  return `histogram_quantile(${of}, sum by (le, ${by}) (rate(${name}_bucket[$__rate_interval])))`
}

function dashboard(uid: string, title: string, panels: readonly Panel[]): Dashboard {
  return {
    uid,
    title,
    tags: ['waybill'],
    schemaVersion: 39,
    time: { from: 'now-1h', to: 'now' },
    refresh: '30s',
    templating: { list: [{ name: 'source', type: 'datasource', query: 'prometheus', label: 'Prometheus' }] },
    panels: panels.map((panel, index) => ({ id: index + 1, gridPos: { x: (index % 2) * width, y: Math.floor(index / 2) * height, w: width, h: height }, ...panel })),
  }
}
