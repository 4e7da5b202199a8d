import { spawn } from 'node:child_process'
import { classPath } from '../../setup/spring.mjs'

/** Contenders whose work is done by a class of `spring/` in a process of its own, its callers and its clocks included: what its lines cost is not measured. */

const options = ['-Xmx512m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error']

export function spring(type) {
  let jvm
  const open = async (role, room) => {
    jvm ??= startJvm(type)
    await jvm.ask(`open ${role} ${room.id} ${room.url} ${room.prefetch} ${room.keyedMs ?? 0}`)

    return { close: () => jvm.ask(`close ${role}`) }
  }
  const openSender = async (role, room) => ({
    ...(await open(role, room)),
    send: (order, done) => jvm.send(role, order.id, done),
    sendAll: async ({ batch, callers, count }) => reportOf(await jvm.ask(`load ${role} ${count} ${callers} ${batch}`)),
  })
  const openTaker = (role, room, handle) => {
    jvm ??= startJvm(type)
    jvm.onOrder = (id, waitMs) => handle({ id, at: performance.now() - waitMs })

    return open(role, room)
  }

  return {
    worksIn: () => jvm?.pid,
    openPublisher: (room) => openSender('publisher', room),
    openConsumer: (room, handle) => openTaker('consumer', room, handle),
    openResponder: (room, handle) => openTaker('responder', room, handle),
    openAsker: (room) => openSender('asker', room),
  }
}

/** It ends when its stdin does: with this process, however that ends. Detached, because Ctrl-C is the harness's to hear. */
function startJvm(type) {
  const child = spawn('java', [...options, '-cp', classPath(), type], { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  const asked = []
  const sent = new Map()
  const jvm = {
    pid: child.pid,
    onOrder: undefined,
    send(role, id, done) {
      sent.set(id, done)
      child.stdin.write(`send ${role} ${id}\n`)
    },
    ask: (line) =>
      new Promise((resolve, reject) => {
        asked.push({ resolve, reject })
        child.stdin.write(`${line}\n`)
      }),
  }
  takeLines(child.stdout, {
    order: (rest) => jvm.onOrder(...rest.split(' ').map(Number)),
    sent: (rest) => answerSend(sent, rest),
    ok: (rest) => asked.shift().resolve(rest),
    error: (rest) => asked.shift().reject(new Error(rest)),
  })
  const fail = (reason) => asked.splice(0).forEach(({ reject }) => reject(new Error(`The process of "${type}" ended with ${reason}.`)))
  child.on('error', (error) => fail(error.message))
  child.on('exit', (code, signal) => fail(signal ?? code))

  return jvm
}

/** Each line begins with the name of who takes the rest of it. */
function takeLines(stream, takers) {
  let half = ''
  stream.setEncoding('utf8').on('data', (text) => {
    const lines = (half + text).split('\n')
    half = lines.pop()
    for (const line of lines) {
      const blank = line.indexOf(' ')
      takers[line.slice(0, blank)](line.slice(blank + 1))
    }
  })
}

function answerSend(sent, line) {
  const [, id, error] = /^(\d+) ?(.*)$/.exec(line)
  sent.get(Number(id))(error ? new Error(error) : undefined)
  sent.delete(Number(id))
}

function reportOf(answer) {
  const [refused, latencies, ...first] = answer.split(' ')
  const bytes = Buffer.from(latencies, 'base64')
  const count = Number(refused)

  return {
    latenciesMs: Float64Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4)),
    errors: { count, first: count === 0 ? undefined : first.join(' ') },
  }
}
