const word = /^[a-z0-9-]+$/
const reserved = ['dead', 'retry', 'keyed', 'reply']

/** What is wrong with the name of a channel or a message, or undefined: words of `a-z 0-9 -`, with dots between. */
export function faultOfName(kind: 'channel' | 'message' | 'group' | 'namespace' | 'app', name: unknown): string | undefined {
  const words = typeof name === 'string' ? name.split('.') : []
  const dotted = kind === 'channel' || kind === 'message' || kind === 'namespace'
  if (words.length === 0 || !words.every((w) => word.test(w)) || (!dotted && words.length > 1)) {
    return `A ${kind} is named with a-z, 0-9 and "-"${dotted ? ', words separated by dots' : ', without dots'}; found ${JSON.stringify(name)}.`
  }
  const taken = words.find((w) => reserved.includes(w))

  return taken ? `"${name}" cannot name a ${kind}: the word "${taken}" is reserved for Waybill's own queues and topics. Choose another word.` : undefined
}
