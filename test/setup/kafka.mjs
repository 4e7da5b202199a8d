// Kafka 4.1.1 for the suites: one node without ZooKeeper, its jars from Maven, its data thrown away at each start.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alone } from './lock.mjs'
import { has, installPackages, spawnDetached } from './machine.mjs'
import { keep, run } from './steps.mjs'

const pom = fileURLToPath(new URL('kafka/pom.xml', import.meta.url))
const version = /<version>(\d+\.\d+\.\d+)</.exec(readFileSync(pom, 'utf8'))[1]
const jvm = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

export const kafka = {
  name: 'kafka',
  title: `Kafka ${version}`,
  variable: 'WAYBILL_KAFKA_BROKERS',
  port: 9092,
  // "Which API versions do you speak?", version 0, from a client without a name.
  greeting: Buffer.from('0000000a0012000000000001ffff', 'hex'),
  address: (port) => `127.0.0.1:${port}`,
  start,
  container: (port) => ({ image: `apache/kafka:${version}`, publish: `127.0.0.1:${port}:${port}`, env: containerEnv(port) }),
}

/** Starts one node on this port with everything in this folder. The caller waits for the port. */
async function start(folder, port) {
  if (!(await has('mvn', '-v'))) await installPackages('Maven and Java 17 or later', ['maven', 'default-jre-headless'])
  const lib = await fetchJars(folder)
  const data = join(folder, 'data')
  rmSync(data, { recursive: true, force: true })
  mkdirSync(data, { recursive: true })

  const config = join(folder, 'server.properties')
  const properties = { ...node(port, await freePort()), 'log.dirs': data }
  writeFileSync(
    config,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  await run('java', [...jvm, '-Xmx128m', '-cp', `${lib}/*`, 'kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', config])
  spawnDetached(folder, 'java', [...jvm, '-Xms128m', '-Xmx384m', '-cp', `${lib}/*`, 'kafka.Kafka', config])
}

/** Where the jars of Kafka are, for tests that start nodes of their own. */
export async function jars() {
  const folder = keep('kafka')
  mkdirSync(folder, { recursive: true })

  return alone('kafka-jars', () => fetchJars(folder))
}

// Into a folder of its own first: what was fetched by halves never carries the final name.
async function fetchJars(folder) {
  const lib = join(folder, `lib-${version}`)
  if (existsSync(lib)) return lib
  const part = `${lib}.part`
  rmSync(part, { recursive: true, force: true })
  await run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${part}`, '-DincludeScope=runtime'])
  renameSync(part, lib)

  return lib
}

const node = (port, controllerPort, host = '127.0.0.1') => ({
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
  listeners: `PLAINTEXT://${host}:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'controller.listener.names': 'CONTROLLER',
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 3,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 3,
  'group.initial.rebalance.delay.ms': 0,
  'auto.create.topics.enable': false,
  // Of a heap of 384 MB it would take 128 for logs that are never that long.
  'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
})

const containerEnv = (port) => Object.entries(node(port, 9093, '0.0.0.0')).map(([name, value]) => `KAFKA_${name.toUpperCase().replaceAll('.', '_')}=${value}`)

function freePort() {
  const server = createServer()

  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
