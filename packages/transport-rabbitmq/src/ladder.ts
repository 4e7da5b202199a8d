import { BrokerRefused } from '@waybill/core'
import { openQuietChannel } from './declarations.js'
import { type Descent, type EndKind, ladder, mark, rungs } from './descent.js'
import { type Channel, call, closeChannel, type Model } from './driver.js'
import { refusalOfDeclare, replyCodeOf } from './refusal.js'

/** What this process has made of the ladder, on the connection of now. */
export class Ladder {
  readonly #model: () => Promise<Model>
  readonly #ends = new Set<string>()
  #height = -1

  constructor(model: () => Promise<Model>) {
    this.#model = model
  }

  has({ end, rung }: Descent): boolean {
    return rung <= this.#height && this.#ends.has(`${end.kind} ${end.name}`)
  }

  /** Makes what is missing of it. Rejects with what the broker refused, and where the connection is lost. */
  async make({ end, rung }: Descent): Promise<void> {
    const model = await this.#model()
    const channel = await openQuietChannel(model)
    try {
      await makeExit(channel)
      for (let level = 0; level <= rung; level++) await makeRung(channel, level)
      await bindEnd(channel, end)
    } catch (error) {
      if (replyCodeOf(error) === undefined) throw error
      throw replyCodeOf(error) === 404
        ? new BrokerRefused('UNKNOWN_DESTINATION', `The ${end.kind} "${end.name}", where the delayed message shall end, does not exist.`, { cause: error })
        : refusalOfDeclare(error, `delay ladder "${ladder.name}"`)
    }
    await closeChannel(channel)
    this.#height = Math.max(this.#height, rung)
    this.#ends.add(`${end.kind} ${end.name}`)
  }

  /** Something of it is gone: it is made again when it is needed next. */
  forget(): void {
    this.#height = -1
    this.#ends.clear()
  }
}

// What the exit cannot route it keeps: a broker tries a dead letter without a way again and again, 32 of them hold up all others.
async function makeExit(channel: Channel): Promise<void> {
  const { lost, name, unheard } = ladder
  await exchange(channel, lost)
  await call((done) => channel.assertQueue(lost, { durable: true, arguments: { 'x-queue-type': 'quorum' } }, done))
  // Of length nothing: it takes an event that nobody listens to, and keeps it not.
  await call((done) => channel.assertQueue(unheard, { durable: true, arguments: { 'x-max-length': 0 } }, done))
  for (const kind of ['queue', 'must'] as const) await call((done) => channel.bindQueue(lost, lost, `${anyDelay}.${kind}.#`, {}, done))
  await call((done) => channel.bindQueue(unheard, lost, `${anyDelay}.may.#`, {}, done))
  await exchange(channel, name, lost)
}

async function makeRung(channel: Channel, level: number): Promise<void> {
  const name = `${ladder.name}.${level}`
  const below = level === 0 ? ladder.name : `${ladder.name}.${level - 1}`
  const bit = (value: 0 | 1) => `${[mark, ...stars(rungs - 1 - level), value].join('.')}.#`
  await exchange(channel, name)
  const shape = {
    'x-queue-type': 'quorum',
    'x-message-ttl': 2 ** level * 1_000,
    'x-dead-letter-exchange': below,
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  }
  await call((done) => channel.assertQueue(name, { durable: true, arguments: shape }, done))
  await call((done) => channel.bindQueue(name, name, bit(1), {}, done))
  await call((done) => channel.bindExchange(below, name, bit(0), {}, done))
}

async function bindEnd(channel: Channel, { kind, name }: Descent['end']): Promise<void> {
  const key = (end: EndKind) => `${anyDelay}.${end}.${name}`
  if (kind === 'queue') return void (await call((done) => channel.bindQueue(name, ladder.name, key('queue'), {}, done)))
  await call((done) => channel.bindExchange(name, ladder.name, key('must'), {}, done))
  await call((done) => channel.bindExchange(name, ladder.name, key('may'), {}, done))
}

function exchange(channel: Channel, name: string, alternateExchange?: string): Promise<unknown> {
  return call((done) => channel.assertExchange(name, 'topic', { durable: true, ...(alternateExchange === undefined ? {} : { alternateExchange }) }, done))
}

const stars = (count: number): string[] => Array.from({ length: count }, () => '*')
const anyDelay = [mark, ...stars(rungs)].join('.')
