// A trip of five steps, and those who do them, some of whom refuse, fail, and stay silent: by the number of the trip, so that it is the same in every process.
import { type AppOptions, Command, Event, Listener, Publisher, Service } from '@waybill/core'
import { Database } from '@waybill/outbox'
import { Saga, startedBy } from '@waybill/saga'
import { z } from 'zod'

const trip = z.number()
const payload = z.object({ trip })
const booked = z.object({ trip, reference: z.string() })

export class TripWanted extends Event('trip.wanted', { channel: 'trips', payload }) {}
export class TripBooked extends Event('trip.booked', { channel: 'trips', payload }) {}
export class TripRefused extends Event('trip.refused', { channel: 'trips', payload: z.object({ trip, code: z.string() }) }) {}

class BookFlight extends Command('flight.book', { payload }) {}
class FlightBooked extends Event('flight.booked', { payload: booked }) {}
class FlightFull extends Event('flight.full', { payload }) {}
class CancelFlight extends Command('flight.cancel', { payload: booked }) {}
class BookHotel extends Command('hotel.book', { payload }) {}
class HotelBooked extends Event('hotel.booked', { payload: booked }) {}
class HotelFull extends Event('hotel.full', { payload }) {}
class CancelHotel extends Command('hotel.cancel', { payload }) {}
class BookCar extends Command('car.book', { payload }) {}
class CancelCar extends Command('car.cancel', { payload }) {}
class ChargeTrip extends Command('purse.charge', { payload }) {}
class TripCharged extends Event('purse.charged', { payload }) {}
class PurseEmpty extends Event('purse.empty', { payload }) {}
class SendTicket extends Command('mail.ticket', { payload }) {}
class TicketSent extends Event('mail.sent', { payload }) {}

export const kinds = ['flight', 'hotel', 'car', 'purse', 'mail'] as const
type Kind = (typeof kinds)[number]

const retry = { attempts: 2, backoff: ['200ms'] } as const

@Saga('trip', { version: 1 })
class Trip {
  readonly flow = startedBy(TripWanted, { id: (wanted) => String(wanted.trip), state: (wanted) => ({ trip: wanted.trip }) })
    .step('flight', (step) =>
      step
        .send(BookFlight, (s) => ({ trip: s.trip }))
        .done(FlightBooked, ({ reference }) => ({ flight: reference }))
        .refused(FlightFull)
        .undo(CancelFlight, (s) => ({ trip: s.trip, reference: s.flight }))
        .within('20s', 'undo')
        .retry(retry),
    )
    .together({
      hotel: (step) =>
        step
          .send(BookHotel, (s) => ({ trip: s.trip }))
          .done(HotelBooked)
          .refused(HotelFull)
          .undo(CancelHotel, (s) => ({ trip: s.trip }))
          .within('20s', 'undo')
          .retry(retry),
      car: (step) =>
        step
          .send(BookCar, (s) => ({ trip: s.trip }))
          .undo(CancelCar, (s) => ({ trip: s.trip }))
          .within('20s', 'retry')
          .retry(retry),
    })
    .pivot('purse', (step) =>
      step
        .send(ChargeTrip, (s) => ({ trip: s.trip }))
        .done(TripCharged)
        .refused(PurseEmpty)
        .within('20s', 'retry')
        .retry(retry),
    )
    .step('mail', (step) =>
      step
        .send(SendTicket, (s) => ({ trip: s.trip }))
        .done(TicketSent)
        .within('20s')
        .retry(retry),
    )
    .ends({ completed: [TripBooked, (s) => ({ trip: s.trip })], compensated: [TripRefused, ({ trip: number = -1 }, { code }) => ({ trip: number, code })] })
}

/** What happens to a step of a trip, the same each time it is asked. */
export function fate(number: number, kind: Kind): 'refuse' | 'mute' | 'break' | 'do' {
  const chance = hash(`${kind} ${number}`) % 1_000
  if (chance < 30) return 'refuse'
  // What a flight did not say nobody could take back: its reference is needed for that.
  if (chance < 40 && kind === 'hotel') return 'mute'

  return chance < 70 ? 'break' : 'do'
}

/** Their books are rows of this table: +1 for what was taken, -1 for what was given back. */
export function servicesOf(table: string): AppOptions['services'] {
  const insert = `INSERT INTO ${table} (kind, trip, change) VALUES ($1, $2, $3)`
  const broken = new Set<string>()

  @Service('agency')
  class Agency {
    constructor(private readonly database: Database) {}

    @Listener(BookFlight, { retry })
    @Publisher(FlightBooked, FlightFull)
    async flight(wanted: BookFlight): Promise<FlightBooked | FlightFull> {
      const end = await this.#take('flight', wanted.trip)

      return end === 'refused' ? new FlightFull({ trip: wanted.trip }) : new FlightBooked({ trip: wanted.trip, reference: `f-${wanted.trip}` })
    }

    @Listener(BookHotel, { retry })
    @Publisher(HotelBooked, HotelFull)
    async hotel(wanted: BookHotel): Promise<HotelBooked | HotelFull | undefined> {
      const end = await this.#take('hotel', wanted.trip)
      if (end === 'refused') return new HotelFull({ trip: wanted.trip })

      return end === 'mute' ? undefined : new HotelBooked({ trip: wanted.trip, reference: `h-${wanted.trip}` })
    }

    @Listener(BookCar, { retry })
    async car(wanted: BookCar): Promise<void> {
      await this.#give('car', wanted.trip, 1)
    }

    @Listener(ChargeTrip, { retry })
    @Publisher(TripCharged, PurseEmpty)
    async charge(wanted: ChargeTrip): Promise<TripCharged | PurseEmpty> {
      const end = await this.#take('purse', wanted.trip)

      return end === 'refused' ? new PurseEmpty({ trip: wanted.trip }) : new TripCharged({ trip: wanted.trip })
    }

    @Listener(SendTicket, { retry })
    @Publisher(TicketSent)
    async send(wanted: SendTicket): Promise<TicketSent> {
      this.#breaks('mail', wanted.trip)
      await this.#give('mail', wanted.trip, 1)

      return new TicketSent({ trip: wanted.trip })
    }

    @Listener(CancelFlight, { retry })
    async cancelFlight({ trip: number, reference }: CancelFlight): Promise<void> {
      if (reference !== `f-${number}`) throw new Error(`The flight of trip ${number} is not ${reference}.`)
      await this.#give('flight', number, -1)
    }

    @Listener(CancelHotel, { retry })
    async cancelHotel(undone: CancelHotel): Promise<void> {
      await this.#give('hotel', undone.trip, -1)
    }

    @Listener(CancelCar, { retry })
    async cancelCar(undone: CancelCar): Promise<void> {
      await this.#give('car', undone.trip, -1)
    }

    async #take(kind: Kind, number: number): Promise<'taken' | 'refused' | 'mute'> {
      this.#breaks(kind, number)
      const found = fate(number, kind)
      if (found === 'refuse') return 'refused'
      await this.#give(kind, number, 1)

      return found === 'mute' ? 'mute' : 'taken'
    }

    #breaks(kind: Kind, number: number): void {
      const what = `${kind} ${number}`
      if (fate(number, kind) !== 'break' || broken.has(what)) return
      broken.add(what)
      throw new Error(`The ${kind} of trip ${number} is out of order.`)
    }

    async #give(kind: Kind, number: number, change: 1 | -1): Promise<void> {
      await this.database.query(insert, [kind, number, change])
    }
  }

  return [Trip, Agency]
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 2_166_136_261
  for (const letter of text) value = Math.imul(value ^ letter.charCodeAt(0), 16_777_619) >>> 0

  return (value ^ (value >>> 15)) >>> 0
}
