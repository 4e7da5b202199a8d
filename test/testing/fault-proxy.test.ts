import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { eventually, type FaultProxy, faultProxy, virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { echoThroughProxy, type Peer } from './echo-server.js'

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

const said = (peer: Peer, text: string) => eventually(() => expect(peer.text()).toBe(text))
const ended = (peer: Peer | undefined, how: 'fin' | 'rst') => eventually(() => expect(peer?.ending()).toBe(how))

test('a healthy proxy hands everything on and counts it', async () => {
  const { proxy, dial } = await echoThroughProxy()

  const client = await dial()
  client.socket.write('hello')
  await said(client, 'hello')

  expect(proxy.bytes).toEqual({ up: 5, down: 5 })
  expect(proxy.connections).toEqual({ count: 1, open: 1 })
})

test('a connection that ends in good order ends on both sides and is forgotten', async () => {
  const { proxy, served, dial } = await echoThroughProxy()
  const client = await dial()

  client.socket.end('bye')

  await ended(client, 'fin')
  await ended(served[0], 'fin')
  expect(client.text()).toBe('bye')
  await eventually(() => expect(proxy.connections).toEqual({ count: 1, open: 0 }))
})

test('latency delays each direction and keeps the order under jitter', async () => {
  const { proxy, dial } = await echoThroughProxy()
  proxy.latency(20, 10)
  const client = await dial()
  const begun = performance.now()

  for (let n = 0; n < 10; n++) {
    client.socket.write(String(n))
    await turns(3)
  }
  await said(client, '0123456789')

  expect(performance.now() - begun).toBeGreaterThanOrEqual(40)
})

test('latency passes in virtual time where a runtime is given', async () => {
  const runtime = virtualRuntime(3)
  const { proxy, served, dial } = await echoThroughProxy({ runtime })
  proxy.latency(60_000, 1000, 'up')
  const client = await dial()

  client.socket.write('x')
  await eventually(() => expect(runtime.pending().timers).toBe(1))
  await runtime.advance('59s')
  expect(served[0]?.text() ?? '').toBe('')
  await runtime.advance('2s')

  await said(client, 'x')
})

test('bandwidth limits what moves in a second', async () => {
  const { proxy, dial } = await echoThroughProxy()
  proxy.bandwidth(200_000, 'up')
  const client = await dial()
  const begun = performance.now()

  client.socket.write(Buffer.alloc(40_000))
  await eventually(() => expect(client.text()).toHaveLength(40_000))

  expect(performance.now() - begun).toBeGreaterThan(150)
})

test('a slice of one byte arrives one byte at a time', async () => {
  const { proxy, served, dial } = await echoThroughProxy()
  const client = await dial()
  client.socket.write('a')
  await said(client, 'a')
  proxy.slice(1, 'up')

  client.socket.write('bcdefgh')
  await said(client, 'abcdefgh')

  expect(served[0]?.chunks.map((chunk) => chunk.length)).toEqual([1, 1, 1, 1, 1, 1, 1, 1])
})

test('a cut after bytes lets exactly those pass, and serves the client that comes back', async () => {
  const { proxy, served, dial } = await echoThroughProxy()
  proxy.cutAfter(4, 'up')
  const client = await dial()

  client.socket.write('abcdefgh')
  await ended(client, 'fin')
  await ended(served[0], 'fin')
  const next = await dial()
  next.socket.write('again')
  await said(next, 'again')

  expect(served[0]?.text()).toBe('abcd')
  expect(proxy.bytes.up).toBe(9)
})

test('a black hole takes connections, moves nothing, and lets go of it when it heals', async () => {
  const { proxy, dial } = await echoThroughProxy()
  const early = await dial()
  early.socket.write('1')
  await said(early, '1')
  proxy.blackHole()

  const late = await dial()
  early.socket.write('2')
  late.socket.write('3')
  await eventually(() => expect(proxy.connections.open).toBe(2))
  await turns(20)

  expect([early.text(), late.text()]).toEqual(['1', ''])
  expect(proxy.bytes).toEqual({ up: 1, down: 1 })
  await proxy.heal()
  await said(early, '12')
  await said(late, '3')
})

test('what one side sends is dropped, and healing resets the connection with the hole', async () => {
  const { proxy, served, dial } = await echoThroughProxy()
  const client = await dial()
  client.socket.write('1')
  await said(client, '1')
  proxy.drop('down')

  client.socket.write('2')
  await eventually(() => expect(served[0]?.text()).toBe('12'))
  await turns(10)
  expect(client.text()).toBe('1')

  await proxy.heal()
  await ended(client, 'rst')
})

test('a half-open connection is closed for the server and alive for the client', async () => {
  const { proxy, served, dial } = await echoThroughProxy()
  const client = await dial()
  client.socket.write('1')
  await said(client, '1')

  proxy.halfOpen()
  await ended(served[0], 'fin')
  client.socket.write('anybody there?')
  await turns(20)

  expect(client.ending()).toBeUndefined()
  expect(client.text()).toBe('1')
  const next = await dial()
  next.socket.write('new')
  await said(next, 'new')
  await proxy.heal()
  await ended(client, 'rst')
})

test('a cut is a FIN for both sides', async () => {
  const { proxy, served, dial } = await echoThroughProxy()
  const client = await dial()
  client.socket.write('1')
  await said(client, '1')

  proxy.cut()

  await ended(client, 'fin')
  await ended(served[0], 'fin')
  expect(proxy.connections.open).toBe(0)
})

test('a reset is a RST for both sides', async () => {
  const { proxy, served, dial } = await echoThroughProxy()
  const client = await dial()
  client.socket.write('1')
  await said(client, '1')

  proxy.reset()

  await ended(client, 'rst')
  await ended(served[0], 'rst')
})

test('a server that resets resets the client, and one that is not there too', async () => {
  const { proxy, served, dial } = await echoThroughProxy()
  const client = await dial()
  client.socket.write('1')
  await said(client, '1')

  served[0]?.socket.resetAndDestroy()

  await ended(client, 'rst')
  await eventually(() => expect(proxy.connections.open).toBe(0))
})

test('a refusing proxy refuses, keeps what is open, and listens on its port again', async () => {
  const { proxy, dial } = await echoThroughProxy()
  const port = proxy.port
  const client = await dial()
  client.socket.write('1')
  await said(client, '1')

  proxy.refuse()
  await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  client.socket.write('2')
  await said(client, '12')
  await proxy.heal()
  const next = await dial()
  next.socket.write('back')

  await said(next, 'back')
  expect(proxy.port).toBe(port)
})

test('a closed proxy gives its port back and stays closed', async () => {
  const { proxy, dial } = await echoThroughProxy()
  const client = await dial()

  await Promise.all([proxy.close(), proxy.close()])
  await proxy.heal()

  await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(client.socket.destroyed || (await once(client.socket, 'close'))).toBeTruthy()
})

test('a receiver that does not read slows the sender down instead of filling memory', async () => {
  const { proxy, dial } = await echoThroughProxy()
  proxy.blackHole()
  const client = await dial()
  const block = Buffer.alloc(1024 * 1024)

  for (let n = 0; n < 40; n++) client.socket.write(block)
  await turns(200)

  expect(client.socket.writableLength).toBeGreaterThan(20 * 1024 * 1024)
  const before = createHash('sha256')
    .update(Buffer.alloc(40 * 1024 * 1024))
    .digest('hex')
  await proxy.heal()
  await eventually(() => expect(client.chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(40 * 1024 * 1024), { within: 20_000 })
  expect(createHash('sha256').update(Buffer.concat(client.chunks)).digest('hex')).toBe(before)
})

test('a number that makes no sense is refused with what to do', async () => {
  const { proxy } = await echoThroughProxy()

  expect(() => proxy.bandwidth(0)).toThrow('The proxy\'s "bandwidth" takes a number of at least 1; found 0. Use heal() to switch faults off.')
  expect(() => proxy.slice(Number.NaN)).toThrow('"slice" takes a number of at least 1; found NaN')
  expect(() => proxy.slice(0.5)).toThrow('found 0.5')
  expect(() => proxy.latency(Number.POSITIVE_INFINITY)).toThrow('"latency" takes a number from 0 to 2147483647; found Infinity')
  expect(() => proxy.latency(5, -1)).toThrow('found -1')
  expect(() => proxy.latency('5' as never)).toThrow('found "5"')
})

test.each<[string, (proxy: FaultProxy) => void, string]>([
  ['drop without one', (proxy) => proxy.drop(undefined as never), '"drop" takes a direction, "up" or "down": "up" is what the client sends; found undefined'],
  ['drop of both', (proxy) => proxy.drop('both' as never), 'found "both"'],
  ['latency', (proxy) => proxy.latency(5, 0, 'upp' as never), '"latency" takes a direction, "up" or "down" or "both": "up" is what the client sends; found "upp"'],
  ['cutAfter', (proxy) => proxy.cutAfter(5, 'x' as never), '"cutAfter" takes a direction'],
  ['blackHole', (proxy) => proxy.blackHole('in' as never), '"blackHole" takes a direction'],
])('a direction that there is not is refused: %s', async (_title, fault, says) => {
  const { proxy } = await echoThroughProxy()

  expect(() => fault(proxy)).toThrow(says)
})

test('healing that is refused in the same turn ends, and the last word holds', async () => {
  const { proxy, dial } = await echoThroughProxy()
  proxy.refuse()

  const healed = proxy.heal()
  proxy.refuse()
  await healed

  await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await proxy.heal()
  await dial()
})

test('two hundred connections under every fault in turn leave no error and no connection', async () => {
  const { proxy, dial } = await echoThroughProxy({ seed: 7 })
  const faults = [() => proxy.cut(), () => proxy.reset(), () => proxy.halfOpen(), () => proxy.drop('up'), () => proxy.blackHole(), () => proxy.slice(3), () => proxy.latency(2, 3)]

  for (const fault of faults) {
    const clients = await Promise.all(Array.from({ length: 30 }, dial))
    for (const client of clients) client.socket.write(Buffer.alloc(3000))
    await turns(2)
    fault()
    await turns(5)
    await proxy.heal()
    for (const client of clients) client.socket.destroy()
  }

  await eventually(() => expect(proxy.connections).toEqual({ count: 210, open: 0 }))
})

test.each([
  [undefined, 'faultProxy takes an object of options, such as faultProxy({ to:'],
  [{}, '"to" is where the real server listens, { host, port }'],
  [{ to: { host: 'localhost' } }, 'found {"host":"localhost"}.'],
  [{ to: { host: 'localhost', port: 1 }, seed: Number.NaN }, '"seed" is a number or a text; found NaN'],
  [{ to: { host: 'localhost', port: 1 }, seed: {} }, '"seed" is a number or a text; found {}'],
  [{ to: { host: 'localhost', port: 1 }, runtime: {} }, '"runtime" has the functions elapsed, after, random, as virtualRuntime() does; found {}'],
  [{ to: { host: 'localhost', port: 1 }, sed: 1 }, 'has no option "sed". Did you mean "seed"?'],
])('a proxy that is given %j says what it takes', async (options, message) => {
  await expect(faultProxy(options as never)).rejects.toMatchObject({ faults: [{ message: expect.stringContaining(message) }] })
})
