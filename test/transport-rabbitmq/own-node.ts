import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const programs = ['/usr/lib/rabbitmq/bin', '/opt/homebrew/opt/rabbitmq/sbin', '/usr/local/opt/rabbitmq/sbin'].find((folder) => existsSync(join(folder, 'rabbitmq-server')))

export interface OwnNodeOptions {
  /** Lines of `rabbitmq.conf`, made from the ports that are free. */
  readonly settings?: (ports: { readonly second: number }) => readonly string[]
  /** Erlang terms of the application `rabbit`, where `rabbitmq.conf` has no word for them. */
  readonly advanced?: string
  readonly plugins?: readonly string[]
  /** The home folder, with the cookie that nodes of one cluster share. Default: one of its own. */
  readonly home?: string
}

/** A broker that belongs to one test file: it may be stopped, killed, blocked and changed. */
export interface OwnNode {
  readonly name: string
  readonly port: number
  /** A second port that is free, for TLS or the management plugin. */
  readonly second: number
  readonly url: string
  /** Starts it, again too. Resolves when it takes connections. */
  start(): Promise<void>
  stop(): Promise<void>
  /** As `kill -9` does. */
  kill(): Promise<void>
  /** Runs `rabbitmqctl` for it, and resolves with what that printed. */
  ctl(...args: readonly string[]): Promise<string>
  /** Ends it, and removes everything that it wrote. */
  close(): Promise<void>
}

/** Starts a node of RabbitMQ with its own name, ports and folder. */
export async function ownNode(options: OwnNodeOptions = {}): Promise<OwnNode> {
  if (programs === undefined) throw new Error('RabbitMQ is not installed here, and this test needs a node of its own. On Debian: apt-get install rabbitmq-server')
  const [port, second, between] = await freePorts()
  const folder = mkdtempSync(join(tmpdir(), 'waybill-rabbit-'))
  const env = environment(folder, { port, second, between }, options)
  const ctl = async (...args: readonly string[]) => (await run(join(programs, 'rabbitmqctl'), ['-n', env.RABBITMQ_NODENAME, ...args], { env })).stdout
  let child: ChildProcess | undefined
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    endGroup(child, signal)
    const patience = setTimeout(() => child && endGroup(child, 'SIGKILL'), 20_000)
    await gone
    clearTimeout(patience)
  }
  const node: OwnNode = {
    name: env.RABBITMQ_NODENAME,
    port,
    second,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    async start() {
      child = spawn(join(programs, 'rabbitmq-server'), [], { env, detached: true, stdio: 'ignore' })
      await ready(ctl, child)
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    ctl,
    async close() {
      await end('SIGKILL')
      process.off('exit', abandon)
      rmSync(folder, { recursive: true, force: true })
    },
  }
  const abandon = () => {
    if (child) endGroup(child, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', abandon)
  await node.start()

  return node
}

function environment(
  folder: string,
  ports: { readonly port: number; readonly second: number; readonly between: number },
  { advanced = '', home = join(folder, 'home'), plugins = [], settings = () => [] }: OwnNodeOptions,
) {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)

    return join(folder, name)
  }
  mkdirSync(home, { recursive: true })
  const conf = ['disk_free_limit.absolute = 50MB', 'vm_memory_high_watermark.absolute = 1GB', ...settings(ports)]

  return {
    ...process.env,
    HOME: home,
    // An empty file, else the system's own settings win.
    RABBITMQ_CONF_ENV_FILE: file('env.conf', ''),
    RABBITMQ_NODENAME: `waybill-own-${ports.port}@localhost`,
    RABBITMQ_NODE_PORT: String(ports.port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(ports.between),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
    RABBITMQ_SCHEMA_DIR: join(folder, 'schema'),
    RABBITMQ_CONFIG_FILE: file('rabbitmq.conf', `${conf.join('\n')}\n`),
    RABBITMQ_ADVANCED_CONFIG_FILE: file('advanced.config', `[{rabbit, [${advanced}]}].\n`),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins', `[${plugins.join(',')}].\n`),
    RABBITMQ_PID_FILE: join(folder, 'node.pid'),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +S 1:1',
  }
}

// It fails at once while the node is not registered yet, so one call is not enough.
async function ready(ctl: OwnNode['ctl'], child: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; ) {
    try {
      await ctl('await_startup', '--timeout', '60')

      return
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline) throw error
      await wait(200)
    }
  }
}

/** The script and the virtual machine that it starts. */
function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // It ended by itself.
  }
}

async function freePorts(): Promise<readonly [number, number, number]> {
  const servers = Array.from({ length: 3 }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const [first = 0, second = 0, third = 0] = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))

  return [first, second, third]
}
