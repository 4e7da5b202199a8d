import type { Assigner, Assignment, Cluster, GroupMember, PartitionAssigner } from 'kafkajs'
import { AssignerProtocol } from 'kafkajs'

const { MemberAssignment, MemberMetadata } = AssignerProtocol
const version = 1

/**
 * Spreads each topic over the members that subscribe to it, partition n of every topic to the same one, so that a key
 * and its retries meet in one process. The assigner of kafkajs gives topics also to members that do not know them.
 */
export const evenAssigner: PartitionAssigner = ({ cluster }): Assigner => ({
  name: 'WaybillEven',
  version,
  protocol: ({ topics }) => ({ name: 'WaybillEven', metadata: MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }) }),
  assign: async ({ members }) => {
    const takers = takersOf(members)
    await cluster.addMultipleTargetTopics([...takers.keys()])
    const assignments = spread(takers, cluster)

    return members.map(({ memberId }) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version, assignment: assignments.get(memberId) ?? {}, userData: Buffer.alloc(0) }),
    }))
  },
})

function takersOf(members: readonly GroupMember[]): Map<string, string[]> {
  const takers = new Map<string, string[]>()
  for (const { memberId, memberMetadata } of [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))) {
    for (const topic of MemberMetadata.decode(memberMetadata)?.topics ?? []) {
      takers.set(topic, [...(takers.get(topic) ?? []), memberId])
    }
  }

  return takers
}

function spread(takers: ReadonlyMap<string, readonly string[]>, cluster: Cluster): Map<string, Assignment> {
  const assignments = new Map<string, Assignment>()
  for (const [topic, members] of takers) {
    for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
      const member = members[partitionId % members.length] as string
      const assignment = assignments.get(member) ?? {}
      assignment[topic] = [...(assignment[topic] ?? []), partitionId]
      assignments.set(member, assignment)
    }
  }

  return assignments
}
