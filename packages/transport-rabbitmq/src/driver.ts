import { type Channel, type ConfirmChannel, connect, type Connection as Model, type Options, type SocketOptions } from 'amqplib/callback_api'
import { BrokerRefused } from '@waybill/core'
import { shallow } from './header-frame.js'

export type { Channel, ConfirmChannel, Model }

/** What Waybill uses of the driver beyond what it documents. It is pinned to one version, and nothing outside this file knows of these. */
interface Inside {
  readonly stream: { cork(): void; uncork(): void }
  readonly muxer: { _readIncoming(): void }
  readonly channels: readonly ({ readonly channel: unknown; readonly buffer: { write(bytes: Buffer): boolean } } | null)[]
  readonly frameMax: number
  readonly channelMax: number
  rest: Buffer
  sentSinceLastCheck: boolean
  recvFrame(): unknown
}

interface InsideChannel {
  readonly ch: number
  readonly connection: Inside
  sendMessage(fields: PublishFields, properties: PublishFields, body: Buffer): boolean
}

/** Method and properties of one publish, as the driver encodes them: one object for both. */
export interface PublishFields {
  readonly exchange: string
  readonly routingKey: string
  readonly mandatory: boolean
  readonly immediate: false
  readonly ticket: 0
  readonly headers: Record<string, unknown>
  readonly deliveryMode: 2
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly priority: number | undefined
  readonly correlationId: string | undefined
  readonly replyTo: string | undefined
  readonly expiration: string | undefined
  readonly messageId: string
  readonly timestamp: number | undefined
  readonly type: string
}

/** Opens a connection. The signal in `socket` ends it hard, at any time. */
export function openModel(target: Options.Connect, socket: SocketOptions & { signal: AbortSignal }): Promise<Model> {
  return new Promise((resolve, reject) => {
    connect(target, socket, (error: Error | null, model: Model) => {
      if (error) return reject(error)
      const inside = model.connection as unknown as Inside
      flushTogether(inside)
      surviveHeaders(inside)
      resolve(model)
    })
  })
}

export function openChannel(model: Model): Promise<Channel> {
  return opened(
    call((done) => model.createChannel(done)),
    model,
  )
}

/** A channel in confirm mode whose `ack` and `nack` events are the caller's. */
export async function openConfirmChannel(model: Model): Promise<ConfirmChannel> {
  const channel = await opened(
    call<ConfirmChannel>((done) => model.createConfirmChannel(done)),
    model,
  )
  // The driver's own window keeps entries after single acks that follow a multiple one, and wants a closure per message.
  channel.removeAllListeners('ack')
  channel.removeAllListeners('nack')

  return channel
}

/** Writes one message. Throws before anything is written; false means that the buffer is full, and the message is in it. */
export function send(channel: ConfirmChannel, fields: PublishFields, body: Buffer): boolean {
  return (channel as unknown as InsideChannel).sendMessage(fields, fields, body)
}

/** What frames for this channel have to be like. */
export function frameShape(channel: ConfirmChannel): { readonly channel: number; readonly frameMax: number } {
  const { ch, connection } = channel as unknown as InsideChannel

  return { channel: ch, frameMax: connection.frameMax }
}

/** Writes frames that are encoded already. Throws before anything is written; false means that the buffer is full, and they are in it. */
export function sendFrames(channel: ConfirmChannel, pieces: readonly Buffer[]): boolean {
  const { ch, connection } = channel as unknown as InsideChannel
  const place = connection.channels[ch]
  if (place?.channel !== channel) throw new Error('the channel is closed')
  let hasRoom = true
  connection.sentSinceLastCheck = true
  for (const piece of pieces) hasRoom = place.buffer.write(piece)

  return hasRoom
}

/** Trying again at once, as after a lost connection, would never end. */
async function opened<C>(channel: Promise<C>, model: Model): Promise<C> {
  try {
    return await channel
  } catch (error) {
    if (!(error instanceof Error && error.message === 'No channels left to allocate')) throw error
    const { channelMax } = model.connection as unknown as Inside
    throw new BrokerRefused(
      'CHANNEL_LIMIT',
      `All ${channelMax} channels of one connection to RabbitMQ are in use; each queue that the app takes from has one. Raise "channelMax" in the url, and "channel_max" at the broker, or split the app.`,
      { cause: error },
    )
  }
}

/** Runs one call that takes a node-style callback, as the driver's do; what it throws rejects too. */
export function call<T>(run: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))))
}

/** Closes a channel and resolves when it is closed, by whatever. */
export function closeChannel(channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    channel.once('close', resolve)
    try {
      channel.close()
    } catch {
      // The driver throws where the channel is closed already, which is what was asked for.
      resolve()
    }
  })
}

// The driver writes frame by frame. Measured: one write for all frames of a turn publishes 1.15 times as fast.
function flushTogether(inside: Inside): void {
  const { muxer, stream } = inside
  const write = muxer._readIncoming
  muxer._readIncoming = () => {
    stream.cork()
    write.call(muxer)
    stream.uncork()
  }
}

// The driver decodes header tables by recursion. One nested some thousand levels deep overflows the stack, which
// closes the connection; the broker then delivers it again, for ever. Here that one frame is read a second time, without its depths.
function surviveHeaders(inside: Inside): void {
  const receive = inside.recvFrame
  inside.recvFrame = () => {
    const before = inside.rest
    try {
      return receive.call(inside)
    } catch (error) {
      const repaired = shallow(before)
      if (!repaired) throw error
      inside.rest = Buffer.concat([repaired, inside.rest])

      return receive.call(inside)
    }
  }
}
