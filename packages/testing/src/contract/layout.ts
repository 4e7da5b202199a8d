import type { ChannelOptions, GroupTopology, Topology } from '@waybill/core'

/** What a case needs of its channel; each part has a default. */
export interface Layout {
  /** Default: `billing`. */
  readonly groups?: readonly (string | Pick<GroupTopology, 'name' | 'types'>)[]
  /** Also a message with a key, `order.moved`. */
  readonly keyed?: boolean
  readonly partitions?: number
  readonly options?: ChannelOptions
  readonly asks?: boolean
}

/** The message without a key, the one with, and one that no group takes unless it says so. */
export const placed = 'order.placed'
export const moved = 'order.moved'
export const lost = 'order.lost'

export function topologyOf(channel: string, layout: Layout): Topology {
  const keyed = layout.keyed ?? false
  const partitions = layout.partitions ?? 1
  const messages = [{ name: placed, keyed: false }, ...(keyed ? [{ name: moved, keyed }] : [])]
  const types = messages.map((message) => message.name)
  const groups = (layout.groups ?? ['billing']).map((group) => ({ types, keyed, partitions, ...(typeof group === 'string' ? { name: group } : group) }))
  const options = partitions > 1 ? { partitions, ...layout.options } : (layout.options ?? {})

  return { asks: layout.asks ?? false, channels: [{ name: channel, messages, groups, options }] }
}
