import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, context, type ContextManager, ROOT_CONTEXT } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { onTestFinished } from 'vitest'

/** What a program has that is set up for OpenTelemetry: a place for spans, and contexts that follow its calls. */
export function telemetry(): { readonly provider: BasicTracerProvider; readonly spans: () => readonly ReadableSpan[] } {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  context.setGlobalContextManager(new FollowingContext())
  onTestFinished(() => context.disable())

  return { provider, spans: () => exporter.getFinishedSpans() }
}

class FollowingContext implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(within: Context, work: F, self?: ThisParameterType<F>, ...args: A): ReturnType<F> {
    return this.#storage.run(within, () => work.call(self, ...args))
  }

  bind<T>(_within: Context, target: T): T {
    return target
  }

  enable(): this {
    return this
  }

  disable(): this {
    return this
  }
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
