import { randomUUID } from 'node:crypto'
import { onTestFinished, expect } from 'vitest'
import { removeTopology } from '../contract/rabbit-subject.js'
import { type Program, runProgram } from '../e2e/program.js'

export const points = ['before-commit', 'after-commit', 'after-publish', 'after-cursor', 'settle'] as const

interface Kill {
  readonly point: (typeof points)[number]
  readonly nth: number
}

const ordersOfLife = 20

interface Ledger {
  readonly namespace: string
  /** Runs a process until it is killed at the point, with some more orders to book. */
  live(kill: Kill): Promise<void>
  /** Runs one that nobody kills, and resolves with what is in the database when all is done. */
  report(): Promise<Readonly<Record<'booked' | 'heard' | 'echoed', readonly number[]>>>
}

/** Processes that book orders in one database, one after another. */
export function ledgerOn(database: string): Ledger {
  const namespace = `kills-${randomUUID().slice(0, 8)}`
  onTestFinished(() => removeTopology([topologyOf(namespace)]))
  let orders = 0
  const run = (point: string, nth: number): Program => runProgram('test/faults/program/dist/ledger.js', database, namespace, String(orders), point, String(nth))

  return {
    namespace,
    async live({ point, nth }) {
      orders += ordersOfLife
      const life = run(point, nth)
      const code = await life.ended

      expect([code, life.output.includes(`killed ${point}`)], `${point} ${nth}:\n${life.output}`).toEqual([null, true])
    },
    async report() {
      const last = run('none', 1)
      const [, found] = await last.shows(/report (\{.*\})\n/)

      return JSON.parse(found ?? '')
    },
  }
}

/** Nothing lost, no effect twice, no key turned round. */
export async function expectWhole(ledger: Ledger, lives: number): Promise<void> {
  const { booked, heard, echoed } = await ledger.report()
  const all = Array.from({ length: lives * ordersOfLife }, (_, n) => n)
  const sorted = (numbers: readonly number[]): readonly number[] => [...numbers].sort((a, b) => a - b)

  expect([sorted(booked), sorted(heard), sorted(echoed)]).toEqual([all, all, all])
  for (let key = 0; key < 5; key++) {
    const own = heard.filter((n) => n % 5 === key)
    expect(own).toEqual(sorted(own))
  }
}

function topologyOf(namespace: string): Parameters<typeof removeTopology>[0][number] {
  const groups = [{ name: 'ledger', types: ['order.booked', 'order.heard'], keyed: true, partitions: 1 }]
  const messages = [
    { name: 'order.booked', keyed: true },
    { name: 'order.heard', keyed: false },
  ]

  return { namespace, app: 'ledger', topology: { asks: false, channels: [{ name: 'bookings', messages, groups, options: {} }] } }
}
