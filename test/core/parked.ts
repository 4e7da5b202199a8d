import { Event, Listener, Service, type Transport } from '@waybill/core'
import { type VirtualRuntime, virtualRuntime } from '@waybill/testing'
import { memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { z } from 'zod'
import { startApp } from './on-memory.js'

export class Moved extends Event('goods.moved', { key: 'id', payload: z.object({ id: z.string(), n: z.number() }) }) {}

export const of = { channel: 'goods', group: 'yard' } as const

export function yard(taken: string[], isBad: (text: string) => boolean): new () => object {
  @Service('yard')
  class Yard {
    @Listener(Moved, { retry: false, deadKey: 'park' })
    on({ id, n }: Moved): void {
      if (isBad(`${id}${n}`)) throw new Error('no')
      taken.push(`${id}${n}`)
    }
  }

  return Yard
}

export function moves(...texts: readonly string[]): readonly Moved[] {
  return texts.map((text) => new Moved({ id: text[0] as string, n: Number(text.slice(1)) }))
}

export interface Bench {
  readonly runtime: VirtualRuntime
  readonly broker: MemoryBroker
  readonly taken: string[]
  readonly bad: Set<string>
  start(): ReturnType<typeof startApp>
  startAs(name: string): ReturnType<typeof startApp>
}

export function bench(...bad: readonly string[]): Bench {
  const runtime = virtualRuntime()
  const parts = { runtime, broker: memoryBroker({ runtime }), taken: [] as string[], bad: new Set(bad) }
  const startAs = (name: string): ReturnType<typeof startApp> => startApp({ name, runtime, broker: parts.broker, services: [yard(parts.taken, (text) => parts.bad.has(text))] })

  return { ...parts, startAs, start: () => startAs('test') }
}

export async function letters(app: Awaited<ReturnType<typeof startApp>>['app']): Promise<readonly string[]> {
  return (await app.deadLetters.list(of)).map(
    ({ body, reason }) => `${(JSON.parse(Buffer.from(body).toString()) as { id: string; n: number }).id}${(JSON.parse(Buffer.from(body).toString()) as { n: number }).n} ${reason}`,
  )
}

/** Its broker answers a slow read of the dead letters late, with what it saw before or after the wait. */
export function slowly(transport: Transport, read: { readonly isSlow: boolean }, look: 'before' | 'after', answer: Promise<void>): Transport {
  const { dead } = transport

  return Object.assign(transport, {
    dead: {
      take: dead.take.bind(dead),
      list: async (...given: Parameters<typeof dead.list>) => {
        if (!read.isSlow) return dead.list(...given)
        if (look === 'after') await answer
        const found = await dead.list(...given)
        await answer

        return found
      },
    },
  })
}
