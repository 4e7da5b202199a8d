import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '@waybill/testing'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Program {
  /** Everything it has written so far, both outputs. */
  readonly output: string
  /** Resolves when the output shows the pattern; rejects with the output where the program ends before. */
  shows(pattern: RegExp): Promise<RegExpExecArray>
  /** Writes a line to it. */
  tell(line: string): void
  /** Tells it to end, and resolves with its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
  signal(signal: NodeJS.Signals): void
  /** Its exit code, once it has ended; null where a signal ended it. */
  readonly ended: Promise<number | null>
}

/** Runs a program, built where it is one of the tree, in a process of its own, and ends it with the test. */
export function runProgram(file: string, ...args: readonly string[]): Program {
  const child = spawn(process.execPath, [resolve(root, file), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  onTestFinished(() => void child.kill('SIGKILL'))

  return {
    get output() {
      return output
    },
    async shows(pattern) {
      await eventually(
        () => {
          if (pattern.test(output)) return true
          if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}:\n${output}`)
          return false
        },
        { within: 30_000 },
      )

      return pattern.exec(output) as RegExpExecArray
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    end(signal = 'SIGTERM') {
      child.kill(signal)

      return ended
    },
    signal: (signal) => void child.kill(signal),
    ended,
  }
}
