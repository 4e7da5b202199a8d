// RabbitMQ for the suites: Debian's package, as a node of our own that leaves the system's alone.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { installPackages, listens, spawnDetached } from './machine.mjs'
import { run } from './steps.mjs'

export const rabbitmq = {
  name: 'rabbitmq',
  title: 'RabbitMQ',
  variable: 'WAYBILL_RABBITMQ_URL',
  port: 5672,
  greeting: Buffer.from('AMQP\0\0\x09\x01'),
  address: (port) => `amqp://guest:guest@127.0.0.1:${port}`,
  start,
  container: (port) => ({ image: 'rabbitmq:4', publish: `127.0.0.1:${port}:5672`, env: [] }),
}

/** Starts one node on this port with everything in this folder, unless the package started its own. */
async function start(folder, port) {
  if (!programs()) await installPackages('RabbitMQ', ['rabbitmq-server'])
  if (await listens('127.0.0.1', port, rabbitmq.greeting)) return
  const env = environment(folder, port)
  spawnDetached(folder, join(programs(), 'rabbitmq-server'), [], env)
  await awaitStartup(env)
}

const programs = () => ['/usr/lib/rabbitmq/bin', '/opt/homebrew/opt/rabbitmq/sbin', '/usr/local/opt/rabbitmq/sbin'].find((folder) => existsSync(join(folder, 'rabbitmq-server')))

function environment(folder, port) {
  const inside = (name, content) => {
    const path = join(folder, name)
    if (content === undefined) mkdirSync(path, { recursive: true })
    else writeFileSync(path, content)

    return path
  }

  return {
    ...process.env,
    HOME: inside('home'),
    // An empty file, else the system's own settings win.
    RABBITMQ_CONF_ENV_FILE: inside('env.conf', ''),
    RABBITMQ_NODENAME: `waybill-${port}@localhost`,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_MNESIA_BASE: inside('data'),
    RABBITMQ_LOG_BASE: inside('log'),
    RABBITMQ_GENERATED_CONFIG_DIR: inside('generated'),
    RABBITMQ_SCHEMA_DIR: inside('schema'),
    RABBITMQ_CONFIG_FILE: inside('rabbitmq.conf', 'disk_free_limit.absolute = 50MB\n'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: inside('enabled_plugins', '[].\n'),
    RABBITMQ_PID_FILE: join(folder, 'node.pid'),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  }
}

// It fails at once while the node is not registered yet, so one call is not enough.
async function awaitStartup(env) {
  const deadline = Date.now() + 60_000
  for (;;) {
    try {
      return await run(join(programs(), 'rabbitmqctl'), ['-n', env.RABBITMQ_NODENAME, 'await_startup', '--timeout', '60'], { env })
    } catch (error) {
      if (Date.now() > deadline) throw error
      await wait(300)
    }
  }
}
