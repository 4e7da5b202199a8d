import type { Kind } from './contract.js'
import type { ChannelTopology } from './transport.js'

/** An app's channels, groups and messages, before any broker's words for them. */
export interface AppTopology {
  readonly channels: readonly (ChannelTopology & { readonly transport: string })[]
  readonly messages: readonly { readonly name: string; readonly kind: Kind; readonly channel: string; readonly publishers: readonly string[]; readonly listeners: readonly string[] }[]
}
