import assert from 'node:assert/strict'
import type { Scenario } from './contract-case.js'
import type { Bench } from './bench.js'
import type { Peer } from './peer.js'
import { sameMessage } from './publishing.js'
import type { Receiver } from './receiver.js'

export const replies: readonly Scenario[] = [
  {
    title: 'a query carries the address of who asks, and the reply arrives there',
    needs: ['replies'],
    async run(bench) {
      const { asker, answers, responder, queries } = await conversation(bench)

      const address = await addressOf(bench, { asker, answers, queries })
      const reply = bench.messageTo({ kind: 'reply', address }, { text: '{"left":3}', headers: { 'waybill-reply-code': 'NONE' }, envelope: { correlationId: 'query-1' } })
      await responder.send(reply)

      sameMessage(await answers.got(reply.envelope.id), reply)
    },
    async without(bench) {
      await assert.rejects((await bench.peer()).listenToReplies(), 'There is no consumer of replies.')
    },
  },
  {
    title: 'each app gets the replies to its own queries',
    needs: ['replies'],
    async run(bench) {
      const { asker, answers, responder, queries } = await conversation(bench)
      const other = await bench.another()
      await other.declare(bench.channel, { asks: true, groups: [] })
      const others = await other.listenToReplies()

      const one = await addressOf(bench, { asker, answers, queries })
      const two = await addressOf(bench, { asker: other, answers: others, queries })
      await responder.send(bench.messageTo({ kind: 'reply', address: one }, { text: 'one' }), bench.messageTo({ kind: 'reply', address: two }, { text: 'two' }))
      await Promise.all([answers.arrived(1), others.arrived(1)])

      assert.notEqual(one, two)
      assert.deepEqual([answers.texts, others.texts], [['one'], ['two']])
    },
  },
  {
    title: 'Q4 a reply to somebody who is gone settles and harms nobody',
    needs: ['replies'],
    async run(bench) {
      const { responder, queries } = await conversation(bench)
      const gone = await bench.another()
      await gone.declare(bench.channel, { asks: true, groups: [] })
      const address = await addressOf(bench, { asker: gone, answers: await gone.listenToReplies(), queries })
      await gone.close()

      const [outcome] = await responder.publish([bench.messageTo({ kind: 'reply', address })])
      const marker = bench.message()
      await responder.send(marker)

      assert.ok(outcome && outcome.kind !== 'unknown', `The outcome is clear; found ${outcome?.kind}.`)
      await queries.got(marker.envelope.id)
    },
  },
  {
    title: 'B16 a reply address that is no reply address is refused',
    needs: ['replies'],
    async run(bench) {
      const { responder, queries } = await conversation(bench)
      const foreign = [`${bench.channel}.billing`, bench.channel, `${bench.channel}.billing.dead`, '', 'amq.topic', 'x'.repeat(300), '../../etc', 'a/b/c']

      const outcomes = await responder.publish(foreign.map((address) => bench.messageTo({ kind: 'reply', address }, { text: 'forged' })))
      const marker = bench.message({ text: 'marker' })
      await responder.send(marker)
      await queries.got(marker.envelope.id)

      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind),
        foreign.map(() => 'rejected'),
      )
      assert.deepEqual(queries.texts, ['marker'])
      assert.deepEqual(await responder.transport.dead.list(bench.group(), 10), [])
    },
  },
  {
    title: 'replies arrive again after the connection broke',
    needs: ['replies'],
    async run(bench) {
      const { asker, answers, responder, queries } = await conversation(bench)

      await bench.subject.cut()
      // What was asked or answered before the loss was noticed may be gone with it: ask again, as a caller would.
      await asker.eventually('a query is answered', async () => {
        const query = await asker.sendAtLast(() => bench.message({ replyTo: answers.consumer.address }))
        const { replyTo } = await queries.got(query.envelope.id)
        await responder.publish([bench.messageTo({ kind: 'reply', address: replyTo ?? '' }, { text: 'again' })])

        return answers.received.length > 0
      })

      assert.equal(answers.texts[0], 'again')
    },
  },
]

interface Conversation {
  readonly asker: Peer
  readonly answers: Receiver
  readonly responder: Peer
  readonly queries: Receiver
}

/** The address that a query of the asker carries when it arrives. */
async function addressOf(bench: Bench, { asker, answers, queries }: Omit<Conversation, 'responder'>): Promise<string> {
  const query = bench.message({ text: '{"sku":"A"}', mandatory: asker.capabilities.unroutable, replyTo: answers.consumer.address })
  await asker.send(query)
  const { replyTo } = await queries.got(query.envelope.id)
  assert.ok(replyTo, 'A query says where its reply goes.')

  return replyTo
}

async function conversation(bench: Bench): Promise<Conversation> {
  const [asker, responder] = [await bench.peer(), await bench.another({ app: `${bench.appName}-stock` })]
  await asker.declare(bench.channel, { asks: true, groups: [] })
  await responder.declare(bench.channel)
  const [answers, queries] = await Promise.all([asker.listenToReplies(), responder.listen(bench.group())])
  assert.ok(answers.consumer.address, 'The consumer of replies has an address.')

  return { asker, answers, responder, queries }
}
