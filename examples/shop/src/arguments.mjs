// Plain JavaScript: `npm start` reads it before anything is installed or built.
import { parseArgs } from 'node:util'

const usage = `The order shop: five services in one process, and a page to watch them. What it was told it keeps in a folder, and goes on with it at the next start.

  npm start                          on the embedded broker
  npm start -- --broker rabbitmq     on RabbitMQ (WAYBILL_RABBITMQ_URL, default amqp://guest:guest@127.0.0.1:5672)
  npm start -- --broker kafka        on Kafka (WAYBILL_KAFKA_BROKERS, default 127.0.0.1:9092)
  npm start -- --port 4000           the page's port (default 3000, 0 takes any free one)
  npm start -- --namespace mine      a prefix for queues and topics, so that several shops share one broker
  npm start -- --data folder         where it keeps its rows and messages (default .waybill/shop/<broker>)
`

/** @type {{ [name: string]: { type: 'string' | 'boolean', short?: string } }} */
const options = { broker: { type: 'string' }, port: { type: 'string' }, namespace: { type: 'string' }, data: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
/** @typedef {'memory' | 'rabbitmq' | 'kafka'} Broker */
const brokers = ['memory', 'rabbitmq', 'kafka']

/** What the shop is told on the command line. Asked for help it prints the usage and ends the process; told something else it says what, and ends with 2. */
export function readArguments() {
  const { values, tokens } = parseArgs({ options, strict: false, allowPositionals: true, tokens: true })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  const { broker = 'memory', port = '3000', namespace, data } = /** @type {{ [name: string]: string | undefined }} */ (values)
  const misspelt = tokens.flatMap(faultOf)
  const faults = misspelt.length > 0 ? misspelt : faultsOf(broker, port)
  if (faults.length > 0) {
    console.error(`${faults.join('\n')}\n\n${usage}`)
    process.exit(2)
  }

  return {
    broker: /** @type {Broker} */ (broker),
    port: Number(port),
    namespace,
    data: data ?? ['.waybill/shop', broker, namespace].filter((part) => part !== undefined).join('/'),
  }
}

/** @param {{ kind: string, name?: string, rawName?: string, value?: string | undefined, inlineValue?: boolean | undefined }} token */
function faultOf({ kind, name = '', rawName, value, inlineValue }) {
  if (kind === 'positional') return `The shop takes options only; found "${value}".`
  if (kind !== 'option') return []
  const option = Object.hasOwn(options, name) ? options[name] : undefined
  if (!option) return `There is no option "${rawName}".`
  if (option.type === 'string' && (!value || (value.startsWith('-') && !inlineValue))) return `The option "${rawName}" needs a value.`

  return []
}

/**
 * @param {string} broker
 * @param {string} port
 */
function faultsOf(broker, port) {
  const faults = []
  if (!brokers.includes(broker)) faults.push(`There is no broker "${broker}". Choose one of ${brokers.join(', ')}.`)
  if (!/^\d+$/.test(port) || Number(port) > 65_535) faults.push(`A port is a number from 0 to 65535; found "${port}".`)

  return faults
}
