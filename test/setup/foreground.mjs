// Runs a program in front of the user until it ends.
import { spawn } from 'node:child_process'
import { root } from './steps.mjs'

export function foreground(file, args) {
  // In a group of its own: the terminal tells a whole group of a Ctrl-C, and npm passes it on once more. The program hears it once.
  const child = spawn(process.execPath, ['--enable-source-maps', file, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  let toldAt = Number.NEGATIVE_INFINITY
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (performance.now() - toldAt > 300) child.kill(signal)
      toldAt = performance.now()
    })
  }
  child.on('exit', (code) => process.exit(code ?? 1))
}
