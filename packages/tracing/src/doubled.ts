import { createRequire } from 'node:module'

const drivers = ['amqplib', 'kafkajs'] as const

/** Instrumentations of drivers that this process has loaded as well: each message would have two spans for everything. */
export function doubledInstrumentations(): readonly string[] {
  const loaded = Object.keys(createRequire(import.meta.url).cache)

  return drivers.map((driver) => `@opentelemetry/instrumentation-${driver}`).filter((name) => loaded.some((file) => file.replaceAll('\\', '/').includes(`/node_modules/${name}/`)))
}
