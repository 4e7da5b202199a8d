import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type OwnNode, ownNode } from './own-node.js'

/** Nodes of one cluster that belong to one test file. */
export interface OwnCluster {
  readonly nodes: readonly OwnNode[]
  /** Ends them, and removes everything that they wrote. */
  close(): Promise<void>
}

export async function ownCluster(count: number): Promise<OwnCluster> {
  const home = mkdtempSync(join(tmpdir(), 'waybill-cluster-'))
  writeFileSync(join(home, '.erlang.cookie'), randomUUID(), { mode: 0o400 })
  const starts = await Promise.allSettled(Array.from({ length: count }, () => ownNode({ home })))
  const nodes = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.close()))
    rmSync(home, { recursive: true, force: true })
  }
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason
    const [first, ...others] = nodes
    for (const node of others) await joined(node, first as OwnNode)
  } catch (error) {
    await close()
    throw error
  }

  return { nodes, close }
}

async function joined(node: OwnNode, to: OwnNode): Promise<void> {
  await node.ctl('stop_app')
  await node.ctl('join_cluster', to.name)
  await node.ctl('start_app')
}
