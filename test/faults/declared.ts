import type { DeclaredTopology } from '@waybill/testing/contract'

/** What the runners of a namespace declare at their broker. */
export function declaredIn(namespace: string): DeclaredTopology {
  const groups = [{ name: 'runner', types: ['errand.run'], keyed: false, partitions: 1 }]
  const messages = [{ name: 'errand.run', keyed: false }]

  return { namespace, app: 'errands', topology: { asks: false, channels: [{ name: 'errands', messages, groups, options: {} }] } }
}
