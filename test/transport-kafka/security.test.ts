import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { LogFields } from '@waybill/core'
import { kafka, type KafkaOptions } from '@waybill/transport-kafka'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { channelOf, createTopic, drivers, eventually, listen, message, send, strangers } from './bed.js'
import { type Certificates, certificates, storePassword } from './certificates.js'
import { type OwnNodes, ownNodes } from './own-nodes.js'

const secret = 'planted-secret-4711'
const plainLogin = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
const scramLogin = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
const tokenLogin = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="unused";'

describe('kafka with users and certificates', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-tls-'))
  let made: Certificates
  let nodes: OwnNodes
  beforeAll(async () => {
    made = await certificates(folder)
    nodes = await ownNodes({ listeners: { OPEN: 'SASL_PLAINTEXT', SAFE: 'SASL_SSL', MUTUAL: 'SSL' }, settings: () => secured(folder), format: scramUsers() })
    await allow(nodes)
  }, 60_000)
  afterAll(async () => {
    await nodes?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  describe.each(drivers)('through %s', (_, driver) => {
    const at = (listener: string, more: Partial<KafkaOptions>): Partial<KafkaOptions> => ({ brokers: nodes.addresses(listener), ...driver, ...more })
    const plain = { mechanism: 'plain', username: 'app', password: secret } as const

    test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('a user with a password is let in by %s, over TLS', async (mechanism) => {
      await expectRoundTrip(at('SAFE', { ssl: { ca: made.ca }, sasl: { mechanism, username: 'app', password: secret } }))
    })

    test('a user with a password is let in without TLS', async () => {
      await expectRoundTrip(at('OPEN', { sasl: plain }))
    })

    test('a user with a certificate is let in', async () => {
      await expectRoundTrip(at('MUTUAL', { ssl: { ca: made.ca, ...made.app } }))
    })

    test('a user with a token is let in, and asked for a new one before the session ends', async () => {
      let asked = 0
      const token = (): string => {
        asked++

        return tokenOf('app')
      }
      const one = strangers(at('OPEN', { sasl: { mechanism: 'oauthbearer', token } }))
      await one.transport.connect(one.host)
      await one.transport.declare({ channels: [channelOf('allowed', [])], asks: false })
      const before = asked

      await eventually(async () => {
        const [outcome] = await send(one.transport, [message('allowed', 'again')])

        return outcome?.kind === 'confirmed' && asked > before
      })
      await one.transport.close(2_000)
    })

    test.each(['plain', 'scram-sha-512'] as const)('S2 a wrong password is refused at once by %s, and printed nowhere', async (mechanism) => {
      const wrong = `${secret}-wrong`
      const lines: unknown[] = []
      const one = strangers(at('OPEN', { sasl: { mechanism, username: 'app', password: wrong } }))

      const error = await one.transport.connect({ ...one.host, log: recording(lines) }).catch((found: unknown) => found)
      const printed = inspect([one.transport, error, lines, one.states], { depth: 20, showHidden: true })
      await one.transport.close(1_000)

      expect(error).toMatchObject({ code: 'KAFKA_REFUSED' })
      expect(String(error)).toContain('Check "sasl"')
      expect(printed).not.toContain(secret)
    })

    test('a certificate of an unknown authority is refused at once', async () => {
      const one = strangers(at('SAFE', { ssl: true, sasl: plain }))

      await expect(one.transport.connect(one.host)).rejects.toMatchObject({ code: 'KAFKA_REFUSED', message: expect.stringContaining('certificate') })
      await one.transport.close(1_000)
    })

    test('a user without a certificate is refused where one is wanted', async () => {
      const one = strangers(at('MUTUAL', { ssl: { ca: made.ca } }))

      await expect(one.transport.connect(one.host)).rejects.toMatchObject({ code: 'KAFKA_REFUSED' })
      await one.transport.close(1_000)
    })

    test('a topic that the user may not make is named, with what to do', async () => {
      const one = strangers(at('OPEN', { sasl: plain }))
      await one.transport.connect(one.host)

      await expect(one.transport.declare({ channels: [channelOf('forbidden', [])], asks: false })).rejects.toMatchObject({
        code: 'TOPIC_REFUSED',
        message: expect.stringContaining('"forbidden"'),
      })
      await one.transport.close(1_000)
    })

    test('a message for a topic that the user may not write to is rejected with the reason', async () => {
      const one = strangers(at('OPEN', { sasl: plain, declare: 'none' }))
      await one.transport.connect(one.host)
      await one.transport.declare({ channels: [channelOf('readable', [])], asks: false })

      const [outcome] = await send(one.transport, [message('readable', 'no')])
      await one.transport.close(1_000)

      expect(outcome).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') })
    })

    test('a group that the user may not read with is refused by its name', async () => {
      const one = strangers(at('OPEN', { sasl: plain }))
      await one.transport.connect(one.host)
      await one.transport.declare({ channels: [channelOf('allowed', ['closed'])], asks: false })

      await expect(one.transport.subscribe({ kind: 'group', channel: 'allowed', group: 'closed', window: 1 }, () => {})).rejects.toMatchObject({
        code: 'GROUP_REFUSED',
        message: expect.stringContaining('"allowed.closed"'),
      })
      await one.transport.close(1_000)
    })

    test('a user who may not take turns at dead letters takes them all the same, and the log says so', async () => {
      const lines: unknown[] = []
      const one = strangers(at('OPEN', { sasl: plain }))
      await one.transport.connect({ ...one.host, log: recording(lines) })
      await one.transport.declare({ channels: [channelOf('allowed', ['billing'])], asks: false })
      const of = { channel: 'allowed', group: 'billing' }
      await send(one.transport, [message({ kind: 'dead', ...of }, 'd0')])

      const removed = await one.transport.dead.take(of, 10, () => Promise.resolve('remove'))
      const left = await one.transport.dead.list(of, 10)
      await one.transport.close(1_000)

      expect([removed, left]).toEqual([1, []])
      expect(lines).toContainEqual(expect.stringContaining('no other process is kept away meanwhile'))
    })

    async function expectRoundTrip(options: Partial<KafkaOptions>): Promise<void> {
      const one = strangers(options)
      await one.transport.connect(one.host)
      await one.transport.declare({ channels: [channelOf('allowed', ['billing'])], asks: false })
      const text = `hello ${performance.now()}`
      const inbox = await listen(one, { kind: 'group', channel: 'allowed', group: 'billing', window: 10 })

      const [outcome] = await send(one.transport, [message('allowed', text)])
      await eventually(() => inbox.texts().includes(text))
      const printed = inspect(one.transport, { depth: 20, showHidden: true })
      await one.transport.close(2_000)

      expect(outcome?.kind).toBe('confirmed')
      expect(printed).not.toContain(secret)
    }
  })
})

describe('security options of kafka()', () => {
  test.each([
    [{ sasl: { mechanism: 'plan', username: 'app', password: secret } }, ['KAFKA_SASL'], 'Did you mean "plain"?'],
    [{ sasl: { mechanism: 'plain', username: 'app' } }, ['KAFKA_SASL'], 'needs "password"'],
    [{ sasl: { mechanism: 'oauthbearer', token: secret } }, ['KAFKA_SASL'], 'a function that gives a token'],
    [{ sasl: { mechanism: 'plain', username: 'app', password: secret, passwort: secret } }, ['UNKNOWN_OPTION'], 'passwort'],
    [{ sasl: secret }, ['KAFKA_SASL'], 'an object with a "mechanism"'],
    [{ ssl: secret }, ['KAFKA_SSL'], 'as tls.connect takes it'],
    [{ brokers: [`kafka://app:${secret}@127.0.0.1:9092`] }, ['KAFKA_BROKERS'], 'host:port'],
  ])('%j is a fault that tells no secret', (wrong, codes, sentence) => {
    const { faults } = kafka({ brokers: ['127.0.0.1:9092'], ...wrong } as never)

    expect(faults.map(({ code }) => code)).toEqual(codes)
    expect(faults[0]?.message).toContain(sentence)
    expect(JSON.stringify(faults)).not.toContain(secret)
  })
})

function secured(folder: string): Record<string, string> {
  const logins: Record<string, string> = {}
  for (const listener of ['open', 'safe']) {
    const own = listener === 'open' ? ' username="admin" password="adminpw"' : ''
    logins[`listener.name.${listener}.plain.sasl.jaas.config`] = `${plainLogin}${own} user_admin="adminpw" user_app="${secret}";`
    logins[`listener.name.${listener}.scram-sha-256.sasl.jaas.config`] = scramLogin
    logins[`listener.name.${listener}.scram-sha-512.sasl.jaas.config`] = scramLogin
    logins[`listener.name.${listener}.oauthbearer.sasl.jaas.config`] = tokenLogin
  }

  return {
    ...logins,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    // kafkajs asks for a new token ten seconds before the end.
    'listener.name.open.oauthbearer.connections.max.reauth.ms': '11000',
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': join(folder, 'server.p12'),
    'ssl.keystore.password': storePassword,
    'ssl.truststore.type': 'PKCS12',
    'ssl.truststore.location': join(folder, 'trust.p12'),
    'ssl.truststore.password': storePassword,
    'listener.name.mutual.ssl.client.auth': 'required',
    'ssl.principal.mapping.rules': 'RULE:^CN=([a-zA-Z0-9]+).*$/$1/,DEFAULT',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin;User:ANONYMOUS',
  }
}

function scramUsers(): string[] {
  return ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=app,password=${secret}]`])
}

/** A token that nobody signed: such a broker takes it. */
function tokenOf(user: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1_000)

  return `${part({ alg: 'none' })}.${part({ sub: user, iat: now, exp: now + 3_600 })}.`
}

async function allow(nodes: OwnNodes): Promise<void> {
  const sasl = { mechanism: 'plain', username: 'admin', password: 'adminpw' } as const
  const admin = new Kafka({ brokers: [...nodes.addresses('OPEN')], sasl, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await createTopic(admin, 'readable')
  const acl = (resourceType: AclResourceTypes, resourceName: string, operation: AclOperationTypes, resourcePatternType = ResourcePatternTypes.PREFIXED) => ({
    resourceType,
    resourceName,
    resourcePatternType,
    principal: 'User:app',
    host: '*',
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  })
  await admin.createAcls({
    acl: [
      acl(AclResourceTypes.TOPIC, 'allowed', AclOperationTypes.ALL),
      acl(AclResourceTypes.TOPIC, 'readable', AclOperationTypes.READ),
      acl(AclResourceTypes.GROUP, 'allowed.billing', AclOperationTypes.ALL, ResourcePatternTypes.LITERAL),
      acl(AclResourceTypes.GROUP, 'allowed.billing.dead', AclOperationTypes.ALL, ResourcePatternTypes.LITERAL),
    ],
  })
  await admin.disconnect()
}

function recording(lines: unknown[]) {
  const line = (text: string, fields?: LogFields): void => void lines.push(text, fields)

  return { debug: line, info: line, warn: line, error: line }
}
