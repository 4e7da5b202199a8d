// Finds the brokers and the database that the suites need, starts those that are missing, and ends those that it started:
//   node test/setup/brokers.mjs [start|stop] [rabbitmq] [kafka] [postgres] [prometheus]
// An address in the environment wins, then what listens on the usual port, then a node of our own, then a container.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { kafka } from './kafka.mjs'
import { alone, isAlive } from './lock.mjs'
import { detachedIn, has, listens } from './machine.mjs'
import { postgres } from './postgres.mjs'
import { prometheus } from './prometheus.mjs'
import { rabbitmq } from './rabbitmq.mjs'
import { keep, main, run, step } from './steps.mjs'

export const brokers = [rabbitmq, kafka, postgres, prometheus]

/** Makes a broker ready and puts its address into the environment; rejects with what to do when there is none. */
export const ready = (broker) =>
  step(broker.name, async () => {
    if (broker.install) return broker.install()
    const given = process.env[broker.variable]
    if (given) return checkGiven(broker, given)
    const { port, origin } = await alone(broker.name, () => find(broker))
    process.env[broker.variable] = broker.address(port)

    return `${broker.title}, ${origin} on port ${port}`
  })

async function checkGiven(broker, address) {
  const [, host, port] = /^(?:\w+:\/\/)?(?:[^@/]*@)?([^:,/]+):?(\d*)/.exec(address) ?? []
  if (!(await listens(host, port || broker.port)))
    throw new Error(`${broker.variable} names ${host}:${port || broker.port}, and nothing listens there. Start ${broker.title}, or unset the variable.`)

  return `${host}:${port || broker.port}, as ${broker.variable} says`
}

async function find(broker) {
  const folder = keep(broker.name)
  mkdirSync(folder, { recursive: true })
  const { port, answers } = await choosePort(broker)
  if (answers) return { port, origin: 'found' }
  // A run that was interrupted while this one started left it behind.
  const left = detachedIn(folder)
  if (left) await end(left)
  forget(folder)
  const origin = await broker.start(folder, port).then(
    () => 'started',
    (error) => startContainer(broker, port, folder, error),
  )
  await awaitPort(broker, port, folder)

  return { port, origin }
}

/** The usual port, or one of the next where something sits on it that does not answer as this broker would: a broker that hangs stays whose it is. */
async function choosePort(broker) {
  for (let port = broker.port; port < broker.port + 5; port++) {
    if (await listens('127.0.0.1', port, broker.greeting, broker.welcome)) return { port, answers: true }
    if (!(await listens('127.0.0.1', port))) return { port, answers: false }
    console.log(`              something on port ${port} does not answer as ${broker.title} would; trying the next`)
  }
  throw new Error(`Ports ${broker.port} to ${broker.port + 4} are taken by something that is not ${broker.title}. Free one, or set ${broker.variable}.`)
}

async function startContainer(broker, port, folder, reason) {
  if (!(await has('docker', 'info'))) throw reason
  forget(folder)
  const { image, publish, env } = broker.container(port)
  const id = await run('docker', ['run', '-d', '--rm', '-p', publish, ...env.flatMap((pair) => ['-e', pair]), image])
  writeFileSync(join(folder, 'container'), id.trim().split('\n').at(-1))

  return 'started in a container'
}

async function awaitPort(broker, port, folder) {
  for (const deadline = Date.now() + 60_000; !(await listens('127.0.0.1', port, broker.greeting, broker.welcome)); await wait(100)) {
    const ended = existsSync(join(folder, 'pid')) && !detachedIn(folder)
    if (ended || Date.now() > deadline) {
      throw new Error(`${broker.title} ${ended ? 'ended while it started' : `does not answer on port ${port} after 60 s`}. See ${join(folder, 'server.log')}.`)
    }
  }
}

/** Ends a broker that `ready` started; leaves alone what it found. */
const stop = (broker) =>
  step(broker.name, () =>
    alone(broker.name, async () => {
      const folder = keep(broker.name)
      const pid = detachedIn(folder)
      const container = join(folder, 'container')
      if (pid) await end(pid)
      else if (existsSync(container)) await run('docker', ['rm', '-f', readFileSync(container, 'utf8')])
      else return 'not started from here'
      forget(folder)

      return 'stopped'
    }),
  )

async function end(pid) {
  process.kill(pid, 'SIGTERM')
  for (const deadline = Date.now() + 15_000; isAlive(pid); await wait(100)) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL')
  }
}

function forget(folder) {
  for (const name of ['pid', 'container']) rmSync(join(folder, name), { force: true })
}

await main(import.meta.url, async () => {
  const [action = 'start', ...names] = process.argv.slice(2)
  const chosen = brokers.filter(({ name }) => names.length === 0 || names.includes(name))
  for (const broker of chosen) await (action === 'stop' ? stop(broker) : ready(broker))
})
