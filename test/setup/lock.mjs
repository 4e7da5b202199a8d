// One process of this tree at a time installs, builds or starts a broker. A lock whose owner is gone is taken over.
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { keep } from './steps.mjs'

/** Runs the work while no other process of this tree runs any under this name. */
export async function alone(name, work) {
  const file = keep(`${name}.lock`)
  const release = () => rmSync(file, { force: true })
  for (let said = false; !take(file); said = true) {
    if (!said) console.log(`waiting for process ${ownerOf(file)}, which holds ${file}`)
    await wait(200)
  }

  process.once('exit', release)
  try {
    return await work()
  } finally {
    release()
    process.off('exit', release)
  }
}

// A link appears whole, with the owner's id in it, or not at all: no reader sees a lock without an owner.
function take(file) {
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    linkSync(mine, file)

    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (!isAlive(ownerOf(file))) rmSync(file, { force: true })

    return false
  } finally {
    rmSync(mine, { force: true })
  }
}

function ownerOf(file) {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}

/** Whether a process with this id runs. */
export function isAlive(pid) {
  if (!pid) return false
  try {
    process.kill(pid, 0)

    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
