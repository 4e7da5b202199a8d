// What every script here needs: where the tree is, how a program is run, how long a step took.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where the scripts keep what they fetch and start. Git ignores it; deleting it costs only time. */
export function keep(...path) {
  const folder = join(root, '.waybill')
  mkdirSync(folder, { recursive: true })

  return join(folder, ...path)
}

/** A folder outside the tree that goes when this process ends, however it ends. */
export function passingFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

  return folder
}

/** Says what is under way, where a step takes long. */
export const begun = (name, note) => console.log(`${name.padEnd(10)}      …    ${note}`)

/** Does one step and prints its name, what it says about itself, and its time. */
export async function step(name, work) {
  const started = performance.now()
  const say = (note) => console.log(`${name.padEnd(10)} ${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${note}`)
  try {
    const result = await work()
    say(typeof result === 'string' ? result : 'done')

    return result
  } catch (error) {
    say('FAILED')
    throw error
  }
}

/** Reads what follows `--`. What a command does not know ends it at once, with the list of what it knows. */
export function readArguments(options = {}, { allowPositionals = false } = {}) {
  try {
    return parseArgs({ options, allowPositionals })
  } catch (error) {
    const known = Object.keys(options).map((name) => (options[name].type === 'string' ? `--${name} <value>` : `--${name}`))
    console.error(`${error.message.split('. ')[0]}. This command knows ${known.join(', ') || 'no arguments'}.`)

    return process.exit(1)
  }
}

const children = new Set()

/** Runs a program and resolves with what it printed; rejects with that when it ends with anything but 0. `show` lets it print by itself. */
export function run(program, args, { show = false, ...options } = {}) {
  const child = spawn(program, args, { cwd: root, stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'], ...options })
  let output = ''
  child.stdout?.on('data', (text) => (output += text))
  child.stderr?.on('data', (text) => (output += text))
  children.add(child)

  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`"${program}" does not start: ${error.message}`)))
    child.on('close', (code, signal) => {
      children.delete(child)
      if (code === 0) resolve(output)
      else reject(Object.assign(new Error(`"${[program, ...args].join(' ')}" ended with ${signal ?? code}.\n${output}`), { code: code ?? 1 }))
    })
  })
}

/** Runs a program that npm installed. */
export const tool = (name, args, options) => run(join(root, 'node_modules', '.bin', name), args, options)

/** Does the work when the script was started by its name, not imported. What goes wrong is said in its own words and ends with 1. */
export async function main(url, work) {
  if (process.argv[1] !== fileURLToPath(url)) return
  endTogether()
  try {
    await work()
  } catch (error) {
    console.error(error.message)
    process.exitCode = error.code > 0 ? error.code : 1
  }
}

// Somebody who interrupts this process ends what it started too. What runs detached stays.
function endTogether() {
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) process.on(signal, () => process.exit(128 + number))
  process.on('exit', () => {
    for (const child of children) child.kill()
  })
}
