import { AsyncLocalStorageContexts } from '../contexts.js'
import { context } from '@opentelemetry/api'
import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { tracing } from '@waybill/tracing'
import { observed } from '../observed-rabbitmq.js'

const nowhere: SpanProcessor = { onStart: () => undefined, onEnd: () => undefined, forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() }
const provider = new BasicTracerProvider({ spanProcessors: [nowhere] })
context.setGlobalContextManager(new AsyncLocalStorageContexts())

/** With tracing: every span is made and recorded, and ends nowhere. */
export const { footprint, declare, openPublisher, openConsumer } = observed(() => [tracing({ provider })])
