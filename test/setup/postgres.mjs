// PostgreSQL for the suites: Debian's package, as a server of our own that trusts this machine, its data thrown away at each start.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installPackages, spawnDetached } from './machine.mjs'
import { run } from './steps.mjs'

export const postgres = {
  name: 'postgres',
  title: 'PostgreSQL',
  variable: 'WAYBILL_POSTGRES_URL',
  port: 5432,
  // "I am postgres and want the database postgres", protocol 3.0; a server that lets anybody in answers "authenticated".
  greeting: Buffer.from('\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0'),
  welcome: (answer) => answer.toString('latin1', 0, 1) === 'R' && answer.readUInt32BE(5) === 0,
  address: (port) => `postgresql://postgres@127.0.0.1:${port}/postgres`,
  start,
  container: (port) => ({ image: 'postgres:17', publish: `127.0.0.1:${port}:5432`, env: ['POSTGRES_HOST_AUTH_METHOD=trust'] }),
}

/** Starts one server on this port. The caller waits for the port. */
async function start(folder, port) {
  spawnDetached(folder, ...(await madeIn(dataFolder(folder, port), port)))
}

/** Makes a database in this folder, anew; resolves with the program that serves it on this port, and its arguments. */
export async function madeIn(data, port) {
  if (!programs()) await install()
  rmSync(data, { recursive: true, force: true })
  mkdirSync(data, { recursive: true })
  const as = await somebody(data)
  const [initdb, server] = ['initdb', 'postgres'].map((name) => join(programs(), name))
  await run(...as([initdb, '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync']))

  return as([server, '-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', data])
}

// The newest of those that are installed.
function programs() {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => b - a) : []
  const places = [...versions.map((version) => join(debian, version, 'bin')), '/usr/pgsql/bin', '/opt/homebrew/bin', '/usr/local/bin', '/usr/bin']

  return places.find((place) => existsSync(join(place, 'initdb')) && existsSync(join(place, 'postgres')))
}

// The package makes and starts a server of its own, which lets nobody in over the network: that one goes again.
async function install() {
  await installPackages('PostgreSQL', ['postgresql'])
  for (const version of readdirSync('/usr/lib/postgresql')) await run('pg_dropcluster', ['--stop', version, 'main']).catch(() => undefined)
}

const isRoot = () => process.getuid?.() === 0

// The user of the server may not be able to reach the tree.
const dataFolder = (folder, port) => (isRoot() ? join(tmpdir(), `waybill-postgres-${port}`) : join(folder, 'data'))

/** PostgreSQL refuses to run as root. */
async function somebody(data) {
  if (!isRoot()) return ([program, ...args]) => [program, args]
  await run('chown', ['postgres', data])
  chmodSync(data, 0o700)

  return (command) => ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', ...command]]
}
