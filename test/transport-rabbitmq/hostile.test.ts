import { describe, expect, test } from 'vitest'
import { bed, listen, message, send, soon } from './bed.js'

describe('hostile headers from RabbitMQ', () => {
  const broker = bed()

  for (const levels of [100, 1_000, 4_000, 15_000]) {
    test(`B01 a header nested ${levels} levels deep is delivered, once, and the connection stays`, async () => {
      const namespace = broker.namespace()
      const party = await broker.party(namespace)
      const inbox = await listen(party)

      await publishRaw(broker.connection, { exchange: `${namespace}.orders`, routingKey: 'order.placed' }, nestedTable(levels))
      await soon(() => inbox.got.length === 1)
      await send(party, message('next'))
      await soon(() => inbox.texts().includes('next'))

      expect(inbox.texts()).toEqual(['body', 'next'])
      expect(depthOf(inbox.got[0]?.headers['deep'])).toBeGreaterThanOrEqual(100)
      expect(inbox.got[0]?.headers['short']).toBe('kept')
      expect(party.states.some(({ kind }) => kind === 'lost')).toBe(false)
    })
  }

  test('B02 a header named __proto__ swaps no prototype, and is there', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const inbox = await listen(party)

    const headers = Object.assign(Object.create(null) as Record<string, unknown>, { ['__proto__']: { admin: true }, constructor: 'c', '': 'empty' })
    broker.channel.publish(`${namespace}.orders`, 'order.placed', Buffer.from('{}'), { headers })
    await soon(() => inbox.got.length === 1)

    const [found] = inbox.got
    expect('toString' in (found?.headers ?? {})).toBe(false)
    expect(found?.headers['admin']).toBeUndefined()
    expect(Object.keys(found?.headers ?? {}).sort()).toEqual(['', '__proto__', 'constructor'])
  })
})

function depthOf(value: unknown): number {
  let depth = 0
  for (let each = value; typeof each === 'object' && each !== null; each = Object.values(each)[0]) depth++

  return depth
}

/** `short: "kept"`, and `deep`: tables in tables. */
function nestedTable(levels: number): Buffer {
  const head = Buffer.concat([Buffer.from('\u0005shortS\u0000\u0000\u0000\u0004kept', 'latin1'), Buffer.from('\u0004deep', 'latin1')])
  const deep = Buffer.alloc(levels * 6 + 5)
  for (let level = 0; level < levels; level++) {
    const at = level * 6
    deep.write('F', at)
    deep.writeUInt32BE((levels - level) * 6, at + 1)
    deep.writeUInt8(0, at + 5)
  }
  deep.write('F', levels * 6)

  return Buffer.concat([head, deep])
}

// The driver's encoder cannot write what its decoder cannot read, so the frames are made by hand, on a channel of the driver's.
async function publishRaw(connection: unknown, to: { readonly exchange: string; readonly routingKey: string }, table: Buffer): Promise<void> {
  const channel = await (
    connection as { createConfirmChannel(): Promise<{ ch: number; pushConfirmCallback(done: () => void): void; close(): Promise<void> }> }
  ).createConfirmChannel()
  const { stream } = (connection as { connection: { stream: { write(bytes: Buffer): void } } }).connection
  const method = Buffer.concat([Buffer.from([0, 60, 0, 40, 0, 0]), shortString(to.exchange), shortString(to.routingKey), Buffer.from([0])])
  const header = Buffer.concat([Buffer.from([0, 60, 0, 0]), long(0), long(4), Buffer.from([0x20, 0]), long(table.length), table])
  const confirmed = new Promise<void>((resolve) => channel.pushConfirmCallback(resolve))
  stream.write(Buffer.concat([frame(1, channel.ch, method), frame(2, channel.ch, header), frame(3, channel.ch, Buffer.from('body'))]))
  await confirmed
  await channel.close()
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, channel >> 8, channel & 255]), long(payload.length), payload, Buffer.from([0xce])])
}

function shortString(text: string): Buffer {
  return Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)])
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)

  return bytes
}
