import { createApp, Event, Listener, type Publish, Publisher, Service, unchecked } from '@waybill/core'
import { history } from '@waybill/testing'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bed, channelOf, hasty, listen, message, type Party, send, soon } from '../transport-rabbitmq/bed.js'
import { loadOn, worker } from '../transport-rabbitmq/load.js'
import { type OwnNode, ownNode } from '../transport-rabbitmq/own-node.js'

class OrderPlaced extends Event('order.placed', { channel: 'orders', payload: unchecked<{ readonly number: number }>() }) {}

describe('a broker that is stopped, killed and short of memory', () => {
  const broker = bed()
  let node: OwnNode
  beforeAll(async () => {
    // The broker looks for forgotten acknowledgements as rarely as once a minute.
    node = await ownNode({ advanced: '{channel_tick_interval, 500}, {consumer_timeout, 1500}' })
  }, 90_000)
  afterAll(() => node.close())

  const partyOn = async (namespace: string, channels = [channelOf('orders')]): Promise<Party> => {
    const party = broker.stranger({ url: node.url }, namespace)
    await party.transport.connect(party.host)
    await party.transport.declare({ channels, asks: false })

    return party
  }

  test('P5 under a memory alarm a publish is unknown within its deadline, readiness says why, and listeners go on', async () => {
    const heard: number[] = []
    @Service('billing')
    class Billing {
      constructor(@Publisher(OrderPlaced) readonly placed: Publish<OrderPlaced>) {}

      @Listener(OrderPlaced)
      bill({ number }: OrderPlaced): void {
        heard.push(number)
      }
    }
    const app = createApp({
      name: 'shop',
      namespace: broker.namespace(),
      services: [Billing],
      transport: rabbitmq({ url: node.url }),
      publishDeadline: '1s',
      signals: false,
      log: false,
    })
    await app.start()
    const { placed } = app.get(Billing)
    await placed({ number: 1 })
    await soon(() => heard.length === 1)

    await node.ctl('set_vm_memory_high_watermark', '0.000001')
    // It is blocked at its next publish, and not before.
    const outcome = await placed({ number: 2 }).catch((error: unknown) => error)
    await soon(() => app.health().connections.some(({ kind, purpose }) => kind === 'blocked' && purpose === 'publishing'))
    const health = app.health()
    const consuming = health.connections.find(({ purpose }) => purpose === 'consuming')
    await node.ctl('set_vm_memory_high_watermark', 'absolute', '1GB')
    await soon(() => app.health().ready)
    await placed({ number: 3 })
    await soon(() => heard.includes(3))
    await app.stop()

    expect(outcome).toMatchObject({ code: expect.stringMatching(/UNKNOWN|OUTCOME/) })
    expect(health).toMatchObject({ live: true, ready: false })
    expect(health.reasons.join()).toContain('blocked')
    expect(consuming?.kind).toBe('connected')
    expect(health.consumers.every(({ attached }) => attached)).toBe(true)
  })

  test('P5 I1 I4 a memory alarm in the middle of a load costs time alone: nothing is lost, every key keeps its order, and the channel stays', async () => {
    const namespace = broker.namespace()
    const channels = [channelOf('orders', { keyed: true })]
    const seen = history()
    const publisher = await partyOn(namespace, channels)
    const { consumer } = await worker(await partyOn(namespace, channels), seen)
    const load = loadOn(publisher, seen)
    const verdict = () => seen.check({ groups: ['billing'] })
    load.start()
    await soon(() => verdict().confirmed > 400, { within: 15_000 })

    await node.ctl('set_vm_memory_high_watermark', '0.000001')
    await soon(() => publisher.states.some(({ kind, purpose }) => kind === 'blocked' && purpose === 'publishing'), { within: 15_000 })
    const before = verdict().confirmed
    await soon(() => verdict().lost.length === 0)
    await node.ctl('set_vm_memory_high_watermark', 'absolute', '1GB')
    await soon(() => verdict().confirmed > before + 400, { within: 15_000 })
    await load.stop()
    await soon(() => verdict().lost.length === 0, { within: 15_000 })

    expect(verdict(), verdict().describe()).toMatchObject({ lost: [], reordered: [], unexpected: [], duplicated: [], unsettled: [], unknown: 0 })
    expect(consumer.health().attached).toBe(true)
    expect(publisher.warnings).toEqual([])
  }, 90_000)

  test('C10 a delivery that is held longer than the broker allows costs its own queue a moment, and no other', async () => {
    const namespace = broker.namespace()
    const party = await partyOn(namespace, [channelOf('orders', { keyed: true })])
    const inbox = await listen(party, { hold: true })
    await send(party, message('held', { key: 'a' }))
    await soon(() => inbox.got.length === 1)

    await soon(() => party.lines.some((line) => line.includes('keyed.0') && line.includes('PRECONDITION_FAILED')), { within: 15_000 })
    await soon(() => inbox.got.length === 2)
    inbox.got[0]?.settle('ack')
    inbox.got[1]?.settle('ack')
    await send(party, message('other'))
    await soon(() => inbox.texts().includes('other'))

    expect(party.lines.filter((line) => line.includes('was lost'))).toHaveLength(1)
    expect(party.lines.join('\n')).toMatch(/delivery acknowledgement on channel \d+ timed out/)
    expect(inbox.consumer.health()).toMatchObject({ attached: true, lateSettles: 1 })
    expect(party.states.filter(({ kind }) => kind === 'lost')).toEqual([])
  })

  test.each([['quorum'], ['classic']] as const)(
    'S10 a consumer that a %s queue forgot while its channel stands is found, told, and attached again',
    async (type) => {
      const namespace = broker.namespace()
      const channels = [channelOf('orders', { keyed: true, options: { queue: { type } } })]
      const party = broker.stranger({ url: node.url }, namespace)
      await party.transport.connect({ ...party.host, runtime: hasty })
      await party.transport.declare({ channels, asks: false })
      const inbox = await listen(party)
      await send(party, message('before'), message('before', { key: 'a' }))
      await soon(() => inbox.got.length === 2)

      for (const queue of ['orders.billing', 'orders.billing.keyed.0']) await node.ctl('eval', forgetting(`${namespace}.${queue}`))
      await send(party, message('after'), message('after', { key: 'a' }))
      await soon(() => inbox.got.length === 4, { within: 20_000 })

      expect(inbox.texts().slice(2)).toEqual(['after', 'after'])
      expect(party.warnings.filter((line) => line.includes('of its messages wait, and none has come'))).toHaveLength(2)
      expect(inbox.consumer.health()).toMatchObject({
        attached: true,
        restarted: { times: 2, at: expect.any(String), reason: expect.stringContaining('of its messages wait, and none has come') },
      })
    },
    60_000,
  )

  test('P10 R2 what waits and what is delayed is still there after the broker restarts', async () => {
    const party = await partyOn(broker.namespace())
    await send(party, message('waits'), message('delayed', { delayMs: 3_000 }))

    await node.stop()
    await node.start()
    await soon(() => party.transport.writable, { within: 40_000 })
    const inbox = await listen(party)

    await soon(() => inbox.got.length === 2, { within: 20_000 })
    expect(inbox.texts().sort()).toEqual(['delayed', 'waits'])
  }, 90_000)

  test('a half-open link is found within three heartbeats, and replaced', async () => {
    const party = broker.stranger({ url: `amqp://guest:guest@${broker.proxy.host}:${broker.proxy.port}`, heartbeat: '1s' }, broker.namespace())
    broker.remember(party.host.namespace ?? '', [channelOf('orders')])
    await party.transport.connect(party.host)
    await party.transport.declare({ channels: [channelOf('orders')], asks: false })
    const inbox = await listen(party)

    broker.proxy.drop('down')
    const from = performance.now()
    await soon(() => party.states.some(({ kind, purpose }) => kind === 'lost' && purpose === 'consuming'), { within: 10_000 })
    const tookMs = performance.now() - from
    await broker.proxy.heal()
    await soon(() => inbox.consumer.health().attached && party.transport.writable, { within: 15_000 })

    expect(tookMs).toBeLessThan(3_500)
  })

  test('what the broker knows of a connection says whose it is and what for', async () => {
    await partyOn(broker.namespace())

    const names = await node.ctl('list_connections', 'client_properties')

    for (const purpose of ['publishing', 'consuming', 'administration']) expect(names).toContain(`shop ${purpose}`)
  })

  test('of several hosts the one that answers is used', async () => {
    const party = broker.stranger({ url: ['amqp://guest:guest@127.0.0.1:1', node.url] }, broker.namespace())

    await party.transport.connect(party.host)

    expect(party.states.some(({ reason }) => reason?.includes('"127.0.0.1:1"'))).toBe(true)
    const connection = await connect(node.url)
    await connection.close()
  })
})

/** Erlang that takes the consumers off a queue, and tells nobody. */
function forgetting(queue: string): string {
  return `
    {ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${queue}">>)),
    Pid = amqqueue:get_pid(Q),
    [case amqqueue:get_type(Q) of
      rabbit_quorum_queue -> ra:process_command(Pid, rabbit_fifo:make_checkout({element(2, C), element(1, C)}, cancel, #{}));
      rabbit_classic_queue -> gen_server2:call(Pid, {basic_cancel, element(1, C), element(2, C), undefined, <<"guest">>})
    end || C <- rabbit_amqqueue:consumers(Q)].`
}
