import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer as createWebServer } from 'node:net'
import { createServer, type Server } from 'node:tls'
import { inspect } from 'node:util'
import type { RabbitOptions } from '@waybill/transport-rabbitmq'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bed, channelOf, listen, message, type Party, send, soon } from './bed.js'
import { type Certificates, certificates } from './certificates.js'
import { type OwnNode, ownNode } from './own-node.js'

const secret = 'planted-hunter2'

describe('who may connect to RabbitMQ, and what it may do there', () => {
  const broker = bed()
  let files: Certificates
  let node: OwnNode
  beforeAll(async () => {
    files = certificates()
    node = await ownNode({
      settings: ({ second }) => [
        `listeners.ssl.1 = 127.0.0.1:${second}`,
        `ssl_options.cacertfile = ${files.path('ca.pem')}`,
        `ssl_options.certfile = ${files.path('server.pem')}`,
        `ssl_options.keyfile = ${files.path('server.key')}`,
        'ssl_options.verify = verify_peer',
        'ssl_options.fail_if_no_peer_cert = false',
        'auth_mechanisms.1 = PLAIN',
        'auth_mechanisms.2 = AMQPLAIN',
        'auth_mechanisms.3 = EXTERNAL',
        'ssl_cert_login_from = common_name',
        `load_definitions = ${definitions(files.path('definitions.json'))}`,
      ],
      plugins: ['rabbitmq_auth_mechanism_ssl'],
    })
  }, 120_000)
  afterAll(async () => {
    await node.close()
    files.remove()
  })

  const connected = async (options: RabbitOptions, namespace = broker.namespace()): Promise<Party> => {
    const party = broker.stranger(options, namespace)
    await party.transport.connect(party.host)

    return party
  }
  const works = async (party: Party): Promise<void> => {
    await party.transport.declare({ channels: [channelOf('orders')], asks: false })
    const inbox = await listen(party)
    expect(await send(party, message('through'))).toEqual([{ kind: 'confirmed' }])
    await soon(() => inbox.texts().includes('through'))
  }

  test('messages travel over TLS to a host that proves its name', async () => {
    await works(await connected({ url: `amqps://guest:guest@localhost:${node.second}`, tls: { ca: files.read('ca.pem') } }))
  })

  test('a client certificate is a login', async () => {
    const tls = { ca: files.read('ca.pem'), cert: files.read('app1.pem'), key: files.read('app1.key') }

    await works(await connected({ url: `amqps://localhost:${node.second}`, credentials: 'external', tls }))
    expect(await node.ctl('list_connections', 'user', 'auth_mechanism')).toMatch(/app1\s+EXTERNAL/)
  })

  test('a login by certificate where the broker offers none is refused with what it wants', async () => {
    const plain = broker.stranger({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://127.0.0.1:5672', credentials: 'external' })

    await expect(plain.transport.connect(plain.host)).rejects.toMatchObject({ code: expect.stringMatching(/MECHANISM_REFUSED|ACCESS_REFUSED/) })
  })

  test('a host that is another, whose time is over or that nobody vouches for is not talked to, and the state says why', async () => {
    for (const [name, why] of [
      ['elsewhere', /localhost.* altnames|altnames.*elsewhere/i],
      ['expired', /expired/i],
      ['self', /self-signed/i],
    ] as const) {
      const server = await impostor(files, name)
      const party = broker.stranger({ url: `amqps://app1:${secret}@localhost:${server.port}`, tls: { ca: files.read('ca.pem') } })
      const connecting = party.transport.connect(party.host).catch((error: unknown) => error)

      await soon(() => party.states.some(({ kind, reason }) => kind === 'lost' && why.test(reason ?? '')))
      await party.transport.close(0)
      await connecting
      expect(server.heard()).toBe('')
      await server.close()
    }
  })

  test('a port that speaks something else is told with what to look at, and so is a function that fails', async () => {
    const web = createWebServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await once(web.listen(0, '127.0.0.1'), 'listening')
    const { port } = web.address() as AddressInfo
    const sealed = () => {
      throw new Error('the vault is sealed')
    }

    for (const [options, why] of [
      [{ url: `amqps://127.0.0.1:${node.port}` }, 'what answers there speaks no TLS; name the port for TLS (mostly 5671), or write amqp: instead of amqps:'],
      [{ url: `amqp://127.0.0.1:${node.second}` }, "Is that RabbitMQ's port for AMQP (mostly 5672), and no port for TLS, which amqps: asks for"],
      [{ url: `amqp://127.0.0.1:${port}` }, "Is that RabbitMQ's port for AMQP"],
      [{ url: node.url, credentials: sealed }, 'the function given as "credentials" failed: the vault is sealed'],
    ] as const) {
      const party = broker.stranger(options)
      const connecting = party.transport.connect(party.host).catch((error: unknown) => error)
      await soon(() => party.states.some(({ kind }) => kind === 'lost'))
      await party.transport.close(0)
      await connecting

      expect(party.states.find(({ kind }) => kind === 'lost')?.reason).toContain(why)
    }
    web.close()
  })

  test('a limit of the vhost is told as one, with what to do', async () => {
    const options = { url: node.url, vhost: 'narrow' }
    const full = broker.stranger(options)
    const party = await connected(options)

    await node.ctl('set_vhost_limits', '-p', 'narrow', '{"max-connections": 3, "max-queues": 0}')

    await expect(full.transport.connect(full.host)).rejects.toMatchObject({ code: 'VHOST_REFUSED', message: expect.stringContaining('raise the limit') })
    await expect(party.transport.declare({ channels: [channelOf('orders')], asks: false })).rejects.toMatchObject({
      code: 'TOPOLOGY_REFUSED',
      message: expect.stringMatching(/queue limit in vhost 'narrow'.*Raise that limit/s),
    })
  })

  test('a vhost of any name is opened, from the option and from the url', async () => {
    await works(await connected({ url: node.url, vhost: 'their/own' }))
    await works(await connected({ url: `${node.url}/their%2Fown` }))
  })

  test('credentials from a function are asked for with each connection, so that they may change', async () => {
    let password = secret
    const party = await connected({ url: `amqp://127.0.0.1:${node.port}`, credentials: () => Promise.resolve({ username: 'rotated', password }) })
    await works(party)

    await node.ctl('change_password', 'rotated', `${secret}-2`)
    password = `${secret}-2`
    await node.ctl('close_all_connections', 'rotation')
    await soon(() => party.states.some(({ kind }) => kind === 'lost'))
    await soon(() => party.transport.writable, { within: 10_000 })

    expect(await send(party, message('after'))).toEqual([{ kind: 'confirmed' }])
  })

  test('a function that does not give credentials is named, and asked again', async () => {
    const answers: unknown[] = [{ username: 'app1' }, { username: 'app1', password: secret }]
    const party = broker.stranger({
      url: `amqp://127.0.0.1:${node.port}`,
      credentials: () => (answers.shift() ?? { username: 'app1', password: secret }) as { username: string; password: string },
    })

    await party.transport.connect(party.host)

    expect(party.states.some(({ reason }) => reason?.includes('"credentials" has to return { username, password }'))).toBe(true)
  })

  test('a user without the right to configure uses what exists, and learns by name what does not', async () => {
    const namespace = broker.namespace()
    const used = async (options: RabbitOptions) => {
      const party = await connected(options, namespace)
      await works(party)
      await party.transport.close(1_000)
    }
    await used({ url: node.url })
    const bare = `amqp://bare:${secret}@127.0.0.1:${node.port}`

    for (const declare of ['create', 'check', 'none'] as const) await used({ url: bare, declare })
    const nothing = broker.namespace()
    const refusal = await (await connected({ url: bare, declare: 'check' }, nothing)).transport
      .declare({ channels: [channelOf('orders')], asks: false })
      .catch((error: unknown) => error)
    const refused = await (await connected({ url: bare }, nothing)).transport.declare({ channels: [channelOf('orders')], asks: false }).catch((error: unknown) => error)
    const blind = await connected({ url: bare, declare: 'none' }, nothing)
    await blind.transport.declare({ channels: [channelOf('orders')], asks: false })

    for (const thing of ['exchange', 'queue']) expect((refusal as Error).message).toContain(`${thing} "${nothing}.orders`)
    expect(refused).toMatchObject({ code: 'ACCESS_REFUSED', message: expect.stringContaining(`"${nothing}.orders"`) })
    await expect(listen(blind)).rejects.toMatchObject({
      code: 'TOPOLOGY_REFUSED',
      message: expect.stringMatching(new RegExp(`queue "${nothing}.orders.billing" cannot be used.*NOT_FOUND.*Make it, or mend its name`)),
    })
  })

  test('no state, log, error or inspection shows a secret', async () => {
    const options = [
      { url: `amqp://app1:${secret}-wrong@127.0.0.1:${node.port}` },
      { url: `amqp://127.0.0.1:${node.port}`, credentials: { username: 'app1', password: `${secret}-wrong` } },
      { url: `amqp://127.0.0.1:${node.port}`, credentials: () => ({ username: 'app1', password: `${secret}-wrong` }) },
      { url: `amqp://app1:${secret}@127.0.0.1:${node.port}`, vhost: 'nobody-made-this' },
      { url: `amqps://app1:${secret}@127.0.0.1:${node.port}` },
    ]
    const seen: unknown[] = []
    for (const each of options) {
      const party = broker.stranger(each, broker.namespace())
      const connecting = party.transport.connect(party.host).catch((error: unknown) => error)
      await soon(() => party.states.some(({ kind }) => kind === 'lost' || kind === 'closed'))
      await party.transport.close(0)
      seen.push(party.transport, party.states, party.lines, await connecting)
    }
    const running = await connected({ url: node.url, credentials: { username: 'app1', password: secret } })
    seen.push(running.transport, running.states, running.lines)

    expect(inspect(seen, { depth: 20, showHidden: true, getters: true })).not.toContain(secret)
    expect(JSON.stringify(seen, unreadable())).not.toContain(secret)
  })
})

/** Users and vhosts, for a broker that starts: each call of its tool would take seconds. */
function definitions(path: string): string {
  const all = { configure: '.*', write: '.*', read: '.*' }
  const users = ['guest', 'app1', 'bare', 'rotated']
  const content = {
    users: users.map((name) => ({ name, password: name === 'guest' ? 'guest' : secret, tags: name === 'guest' ? 'administrator' : '' })),
    vhosts: [{ name: '/' }, { name: 'their/own' }, { name: 'narrow' }],
    permissions: [
      ...users.map((user) => ({ user, vhost: '/', ...all, ...(user === 'bare' ? { configure: '^$' } : {}) })),
      ...['their/own', 'narrow'].map((vhost) => ({ user: 'guest', vhost, ...all })),
    ],
  }
  writeFileSync(path, JSON.stringify(content))

  return path
}

/** A server with a certificate that should not be believed. Says what was told to it. */
async function impostor(files: Certificates, name: string) {
  let heard = ''
  const server: Server = createServer({ cert: files.read(`${name}.pem`), key: files.read(`${name}.key`) }, (socket) => {
    socket.on('data', (bytes) => (heard += bytes.toString()))
    socket.on('error', () => undefined)
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    port: (server.address() as { port: number }).port,
    heard: () => heard,
    close: () => once(server.close(), 'close'),
  }
}

/** Circles are cut. */
function unreadable() {
  const known = new Set<unknown>()

  return (_name: string, value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    if (known.has(value)) return undefined
    known.add(value)

    return value
  }
}
