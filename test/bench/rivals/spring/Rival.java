import java.util.function.Consumer;

/** What one file of Spring's exports, as the contenders in JavaScript do. */
interface Rival {
    Sender openPublisher(Room room) throws Exception;

    AutoCloseable openConsumer(Room room, Consumer<Order> handle) throws Exception;

    default AutoCloseable openResponder(Room room, Consumer<Order> handle) {
        throw new UnsupportedOperationException("It cannot answer.");
    }

    default Sender openAsker(Room room) {
        throw new UnsupportedOperationException("It cannot ask.");
    }

    record Room(String id, String url, int prefetch, int keyedMs) {
        boolean hasKeys() {
            return keyedMs > 0;
        }

        String store() {
            return id + ".orders";
        }
    }

    interface Sender extends AutoCloseable {
        /** Sends the orders of these ids, the last excluded; `done` is called once, with null or what went wrong. */
        void send(int from, int to, Consumer<Throwable> done);

        @Override
        void close();
    }
}
