export type { Capabilities } from './capabilities.js'
export type { AppOptions } from './app-options.js'
export type { App } from './app.js'
export { createApp } from './app.js'
export { Backoff } from './backoff.js'
export type { ChannelOptions, ExchangeOptions, LogOptions, QueueOptions } from './channel-options.js'
export { Context } from './context.js'
export type { Module } from './container.js'
export type { AnswerOf, Carries, Contract, Input, Json, Kind, Named, Output, PayloadOf, Replying, ReplyOf, Schema } from './contract.js'
export type { Ask, AskOptions, Publish, PublisherDecorator, PublishOptions } from './publisher.js'
export { Publisher } from './publisher.js'
export type { BatchItem, Delivery, ManualDelivery, RawMessage } from './delivery.js'
export type { DeadLetterEdit, DeadLetters } from './dead-letters.js'
export type { DeadLetterFilter, DeadMessage } from './dead-message.js'
export type { RedriveOptions, RedriveProgress } from './redrive.js'
export { DeadLetter, Ignore, Retry } from './decision.js'
export type {
  ConnectionEvent,
  DeadLetterEvent,
  DuplicateEvent,
  OutboxEvent,
  ProcessEvent,
  PublishEvent,
  RelayEvent,
  RetryEvent,
  SagaEvent,
  SagasEvent,
  SettleEvent,
  SkipEvent,
} from './diagnostics.js'
export { diagnostics } from './diagnostics.js'
export type { DirectoryLock } from './directory-lock.js'
export { lockDirectory } from './directory-lock.js'
export type { Duration } from './duration.js'
export { parseDuration } from './duration.js'
export type { Envelope, Headers, HeaderValue, RawEnvelope } from './envelope.js'
export { headerBlock, isReserved, ownHeaders, readEnvelope, writeEnvelope } from './envelope.js'
export type { PublishFailure } from './error.js'
export { AskTimeout, BrokerRefused, ConfigError, InvalidMessage, PublishError, RemoteError, WaybillError } from './error.js'
export { describeFound, optionsIn } from './found.js'
export type { Fault } from './fault.js'
export { suggest, unknownOptions, unsupportedOption } from './fault.js'
export type { Health } from './health.js'
export type { BatchOptions, ListenerOptions, Listens, RetryOptions } from './listener.js'
export { Listener, RawListener } from './listener.js'
export type { InboxEntry, InboxStore, InboxVerdict, SequenceGuard, StoredReply, TransactionInbox } from './inbox-store.js'
export type { FieldsFirstLogger } from './log-context.js'
export { logContext, pinoLogger } from './log-context.js'
export type { LoggedAs } from './logged.js'
export type { LogFields, Logger } from './logger.js'
export type { MessageBase, MessageOptions } from './message.js'
export { Command, Event, inputOf, Query, unchecked } from './message.js'
export type { ListenCall, Middleware, PublishCall } from './middleware.js'
export type { Observer } from './observe.js'
export { observe } from './observe.js'
export { Observing } from './observing.js'
export type {
  Lease,
  OutboxMessage,
  OutboxPage,
  OutboxRow,
  OutboxStore,
  PageRequest,
  ParkedFilter,
  ParkedMessage,
  Parking,
  Progress,
  ShardStatus,
} from './outbox-store.js'
export type { OpenTransaction } from './open-transaction.js'
export { countOf } from './count-of.js'
export { ConnectionOutage } from './connection-outage.js'
export { Outage } from './outage.js'
export { Turns } from './turns.js'
export { messageOfTimer, publishTarget } from './outbox-message.js'
export type { GroupDepth, Plugin, PluginHost, PluginMarks, PluginTransactions, PluginTransport, TimerHandler } from './plugin.js'
export type { Plan, PlannedListener, ResolvedRetry } from './plan.js'
export { resolveRetry } from './retry-options.js'
export type { Runtime } from './runtime.js'
export { systemRuntime } from './system-runtime.js'
export type { LoadedSaga, SagaChange, SagaEntry, SagaFilter, Correlation, SagaRow, SagaStep, SagaStore, TransactionSagas } from './saga-store.js'
export { Service } from './service.js'
export { murmur2, slotOf, slots } from './slot.js'
export type { Begun, Flush, Isolation, Store, StoreCapabilities, StoreHealth, StoreHost, StoreQuery, StoreTransaction, TransactionSettings } from './store.js'
export { CommitUnknown, StoreConflict, StoreFull, StoreUnavailable } from './store-error.js'
export { addFault, addNeed, markOfStore, markTransactional } from './metadata.js'
export type { TransactionOptions } from './transactional.js'
export type { ResolvedTransaction } from './transactions.js'
export { TimerFailed } from './transactions.js'
export type { Timer, TimerFilter, TimerStore, TransactionTimers } from './timer-store.js'
export type { AppTopology } from './topology.js'
export type { ConsumerHealth, ConsumerRestart, PartitionHealth } from './consumer-health.js'
export type { LiveTopology, MigrateOptions, OnTransport } from './app-topology.js'
export type { MigrationParts, MigrationProgress, Removal, RemoveOptions, TopologyAccess, TopologyDifference, TopologyOfHost, UnusedThing } from './topology-access.js'
export type { TraceContext, TracedMessage, TraceSource } from './trace.js'
export type {
  ChannelTopology,
  ConnectionState,
  Consumer,
  DeadLetterAccess,
  Deliver,
  Depth,
  Destination,
  GroupAddress,
  GroupSubscription,
  GroupTopology,
  Origin,
  Outgoing,
  PublishOutcome,
  RawDelivery,
  ReplySubscription,
  Settled,
  Settlement,
  Starts,
  Subscription,
  Topology,
  Transport,
  TransportHost,
} from './transport.js'
export { confirmed } from './transport.js'
export { uuid7Source, uuid8From } from './uuid.js'
export { attribute, contentTypeJson, header, specVersion, trace } from './wire.js'
