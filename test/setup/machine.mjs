// What a script asks of the machine it runs on: ports, programs, Debian packages, processes that outlive it, containers.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { run } from './steps.mjs'

/** Whether something accepts connections there; with a greeting: whether it answers it, and as `welcome` wants. A container's port accepts before anybody is behind it. */
export function listens(host, port, greeting, welcome = () => true) {
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: 2_000 })
    const end = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => (greeting ? socket.write(greeting) : end(true)))
    socket.once('data', (answer) => end(welcome(answer)))
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => end(false))
  })
}

/** Whether this program runs with these arguments. */
export const has = (program, ...args) =>
  run(program, args).then(
    () => true,
    () => false,
  )

/** Installs Debian packages, as root only: nobody is asked for a password by a test run. */
export async function installPackages(what, packages) {
  if (process.getuid?.() !== 0 || !(await has('apt-get', '--version'))) throw new Error(`${what} is not installed. On Debian: sudo apt-get install -y ${packages.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-q'], { env })
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { env })
}

/** Starts a program that goes on when this process ends. Its output and its id go into the folder at once, so that it can be found again. */
export function spawnDetached(folder, program, args, env = process.env) {
  const output = openSync(join(folder, 'server.log'), 'w')
  const child = spawn(program, args, { detached: true, stdio: ['ignore', output, output], env })
  child.on('error', (error) => console.error(`"${program}" does not start: ${error.message}`))
  child.unref()
  closeSync(output)
  writeFileSync(join(folder, 'pid'), `${child.pid} ${startOf(child.pid)}`)
}

/** The process that `spawnDetached` started from this folder, while it runs: another may have its id by now, but not its start time too. */
export function detachedIn(folder) {
  const file = join(folder, 'pid')
  if (!existsSync(file)) return undefined
  const [pid, ...started] = readFileSync(file, 'utf8').split(' ')

  return started.join(' ') !== '' && startOf(pid) === started.join(' ') ? Number(pid) : undefined
}

const startOf = (pid) => spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ?? ''
