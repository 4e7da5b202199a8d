import type { Assigner, PartitionAssigner } from 'kafkajs'
import { AssignerProtocol } from 'kafkajs'
import { assignerName, assignerVersion as version, spreadEvenly, topicsOf } from '../assignment.js'

const { MemberAssignment, MemberMetadata } = AssignerProtocol

/** The assigner of kafkajs gives topics also to members that do not know them. */
export const evenAssigner: PartitionAssigner = ({ cluster }): Assigner => ({
  name: assignerName,
  version,
  protocol: ({ topics }) => ({ name: assignerName, metadata: MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }) }),
  assign: async ({ members }) => {
    const subscribers = members.map(({ memberId, memberMetadata }) => ({ memberId, topics: MemberMetadata.decode(memberMetadata)?.topics ?? [] }))
    await cluster.addMultipleTargetTopics([...topicsOf(subscribers)])
    const spread = spreadEvenly(subscribers, (topic) => cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId))

    return members.map(({ memberId }) => {
      const assignment = Object.fromEntries(Object.entries(spread.get(memberId) ?? {}).map(([topic, partitions]) => [topic, [...partitions]]))

      return { memberId, memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }) }
    })
  },
})
