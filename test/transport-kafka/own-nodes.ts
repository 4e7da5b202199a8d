import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const java = 'java'
const jvm = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const cluster = 'MkU3OEVBNTcwNTJENDM2Qk'

export interface OwnNodesOptions {
  /** How many brokers. Default: 1. */
  readonly count?: number
  /** Names of listeners and the protocol that each speaks. Default: one, without security. The first is the one between brokers. */
  readonly listeners?: Readonly<Record<string, string>>
  /** Puts something in front of a port: resolves with the port that clients are told. */
  readonly front?: (port: number) => Promise<number>
  /** Further lines of the configuration, made from the folder that everything is in. */
  readonly settings?: (folder: string) => Readonly<Record<string, string>>
  /** Arguments of the formatting of the storage: users of SCRAM. */
  readonly format?: readonly string[]
}

/** Brokers that belong to one test file: they may be stopped, killed and closed to users. */
export interface OwnNodes {
  /** Addresses of all nodes at one listener. */
  addresses(listener?: string): readonly string[]
  /** As `kill -9` does. */
  kill(index: number): Promise<void>
  start(index: number): Promise<void>
  /** Ends them, and removes all that they wrote. */
  close(): Promise<void>
}

interface Node {
  readonly id: number
  readonly folder: string
  readonly config: string
  readonly ports: Readonly<Record<string, number>>
  /** What clients are told, by listener. */
  readonly fronts: Record<string, number>
  child: ChildProcess | undefined
}

/** Starts nodes of Kafka with ports and a folder of their own. Resolves when each takes connections. */
export async function ownNodes(options: OwnNodesOptions = {}): Promise<OwnNodes> {
  const setup: { jars(): Promise<string> } = await import(new URL('../setup/kafka.mjs', import.meta.url).href)
  const lib = await setup.jars()
  const folder = mkdtempSync(join(tmpdir(), 'waybill-kafka-'))
  const listeners = options.listeners ?? { PLAINTEXT: 'PLAINTEXT' }
  const nodes = await layOut(folder, options.count ?? 1, listeners)
  for (const node of nodes) for (const name of Object.keys(listeners)) node.fronts[name] = (await options.front?.(node.ports[name] ?? 0)) ?? node.ports[name] ?? 0
  const abandon = (): void => {
    for (const { child } of nodes) child?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', abandon)
  const start = async (node: Node): Promise<void> => {
    node.child = spawn(java, [...jvm, '-Xms64m', '-Xmx320m', '-cp', `${lib}/*`, 'kafka.Kafka', node.config], { stdio: 'ignore' })
    await Promise.all(Object.values(node.ports).map((port) => awaitPort(port, node.child)))
  }
  for (const node of nodes) {
    writeFileSync(node.config, configOf(node, nodes, { listeners, settings: options.settings?.(folder) ?? {} }))
    await run(java, [...jvm, '-Xmx128m', '-cp', `${lib}/*`, 'kafka.tools.StorageTool', 'format', '-t', cluster, '-c', node.config, ...(options.format ?? [])])
  }
  await Promise.all(nodes.map(start))

  return {
    addresses: (listener = Object.keys(listeners)[0] ?? '') => nodes.map(({ fronts }) => `127.0.0.1:${fronts[listener]}`),
    kill: (index) => end(nodes[index]),
    start: (index) => start(nodes[index] as Node),
    async close() {
      await Promise.all(nodes.map(end))
      process.off('exit', abandon)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function layOut(folder: string, count: number, listeners: Readonly<Record<string, string>>): Promise<Node[]> {
  const names = [...Object.keys(listeners), 'CONTROLLER']
  const ports = await freePorts(count * names.length)

  return Array.from({ length: count }, (_, index) => {
    const own = join(folder, String(index + 1))
    mkdirSync(own)

    return {
      id: index + 1,
      folder: own,
      config: join(own, 'server.properties'),
      ports: Object.fromEntries(names.map((name, place) => [name, ports[index * names.length + place] as number])),
      fronts: {},
      child: undefined,
    }
  })
}

function configOf(
  node: Node,
  nodes: readonly Node[],
  { listeners, settings }: { readonly listeners: Readonly<Record<string, string>>; readonly settings: Readonly<Record<string, string>> },
): string {
  const own = Object.keys(listeners)
  const addressOf = (name: string): string => `${name}://127.0.0.1:${node.ports[name]}`
  const replicas = String(nodes.length)
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': nodes.map(({ id, ports }) => `${id}@127.0.0.1:${ports.CONTROLLER}`).join(','),
    listeners: [...own, 'CONTROLLER'].map(addressOf).join(','),
    'advertised.listeners': own.map((name) => `${name}://127.0.0.1:${node.fronts[name]}`).join(','),
    'listener.security.protocol.map': [...Object.entries(listeners), ['CONTROLLER', 'PLAINTEXT']].map((pair) => pair.join(':')).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': own[0] ?? '',
    'log.dirs': join(node.folder, 'data'),
    'default.replication.factor': replicas,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '3',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': '1',
    'min.insync.replicas': nodes.length > 2 ? '2' : '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    // A broker that is gone is noticed in seconds, not in the nine of the default.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    ...settings,
  }

  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

async function end(node: Node | undefined): Promise<void> {
  const child = node?.child
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()

    return typeof address === 'object' && address ? address.port : 0
  })
  await Promise.all(servers.map((server) => once(server.close(), 'close')))

  return ports
}

async function awaitPort(port: number, child: ChildProcess | undefined): Promise<void> {
  for (const end = performance.now() + 60_000; !(await listens(port)); await wait(50)) {
    if (child?.exitCode !== null || performance.now() > end) throw new Error(`A node of Kafka does not listen on port ${port}.`)
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
