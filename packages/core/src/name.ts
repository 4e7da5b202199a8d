import { describeFound } from './found.js'

const word = /^[a-z0-9-]+$/
const reserved = ['dead', 'retry', 'keyed', 'reply', 'starts', 'waybill']

/** Several names and a broker's own endings make up the name of a queue, which may have 255 bytes, or a topic, which may have 249. */
const longest = 100

/** What is wrong with a name, or undefined: words of `a-z 0-9 -`, with dots between where its kind allows. */
export function faultOfName(kind: 'channel' | 'message' | 'group' | 'namespace' | 'app', name: unknown): string | undefined {
  const words = typeof name === 'string' ? name.split('.') : []
  const dotted = kind === 'channel' || kind === 'message' || kind === 'namespace'
  if (words.length === 0 || !words.every((w) => word.test(w)) || (!dotted && words.length > 1)) {
    return `${kind === 'app' ? 'An' : 'A'} ${kind} is named with a-z, 0-9 and "-"${dotted ? ', words separated by dots' : ', without dots'}; found ${describeFound(name)}.`
  }
  if (words.join('.').length > longest)
    return `The name of ${kind === 'app' ? 'an' : 'a'} ${kind} has at most ${longest} characters; found ${words.join('.').length}. Shorten ${describeFound(name)}.`
  const taken = words.find((w) => reserved.includes(w))

  return taken
    ? `"${name}" cannot name ${kind === 'app' ? 'an' : 'a'} ${kind}: the word "${taken}" is reserved for Waybill's own queues and topics. Choose another word.`
    : undefined
}
