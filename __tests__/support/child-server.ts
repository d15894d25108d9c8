import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server process with what it printed, for the message when it does not start. */
export interface Child {
  readonly process: ChildProcess
  exited(): boolean
  output(): string
  /** Sends the signal and waits until the process has ended. */
  end(signal: NodeJS.Signals): Promise<void>
}

export function startChild(command: string, args: string[], options: SpawnOptions = {}): Child {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  let printed = ''
  const note = (chunk: Buffer): void => {
    printed += chunk.toString()
  }
  child.stdout?.on('data', note)
  child.stderr?.on('data', note)
  const exited = (): boolean => child.exitCode !== null || child.signalCode !== null
  const killWithParent = (): boolean => child.kill('SIGKILL')
  process.once('exit', killWithParent)

  return {
    process: child,
    exited,
    output: () => printed,
    async end(signal) {
      process.removeListener('exit', killWithParent)
      if (exited()) return
      child.kill(signal)
      await ended
    },
  }
}

/** Waits for a condition, for what announces itself by no event. */
export async function eventually(
  what: string,
  holds: () => Promise<boolean>,
  withinMs = 15_000,
): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} milliseconds: ${what}`)
    await sleep(10)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export function onPath(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
