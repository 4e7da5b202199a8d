import { context } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { onTestFinished } from 'vitest'
import { AsyncLocalStorageContexts } from '../bench/contexts.js'

/** What a program has that is set up for OpenTelemetry: a place for spans, and contexts that follow its calls. */
export function telemetry(): { readonly provider: BasicTracerProvider; readonly spans: () => readonly ReadableSpan[] } {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  context.setGlobalContextManager(new AsyncLocalStorageContexts())
  onTestFinished(() => context.disable())

  return { provider, spans: () => exporter.getFinishedSpans() }
}

/** The spans of a trace as lines, children below their parent. */
export function treeOf(spans: readonly ReadableSpan[]): readonly string[] {
  const known = new Set(spans.map((span) => span.spanContext().spanId))
  const below = (parent: string | undefined, depth: number): string[] =>
    spans
      .filter((span) => (parent === undefined ? !known.has(span.parentSpanContext?.spanId ?? '') : span.parentSpanContext?.spanId === parent))
      .sort((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1])
      .flatMap((span) => [`${'  '.repeat(depth)}${span.name}`, ...below(span.spanContext().spanId, depth + 1)])

  return below(undefined, 0)
}
