import java.net.URI;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import org.springframework.amqp.core.MessageListener;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory.ConfirmType;
import org.springframework.amqp.rabbit.connection.CorrelationData;
import org.springframework.amqp.rabbit.core.RabbitTemplate;
import org.springframework.amqp.rabbit.listener.SimpleMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.adapter.MessageListenerAdapter;
import org.springframework.amqp.support.converter.JacksonJsonMessageConverter;

/**
 * Spring AMQP as its documentation says: a template with correlated confirms and JSON, a listener container with a prefetch.
 * A channel comes back to its cache when all on it is confirmed, so each publish under way would need one; within `invoke` all share
 * one, at twice the rate. Questions have no such way: for them the cache has a channel for each caller.
 */
final class SpringRabbitmq implements Rival {
    private static final int CHANNELS = 50;
    private final JacksonJsonMessageConverter json = new JacksonJsonMessageConverter("*");

    public static void main(String[] arguments) throws InterruptedException {
        Bench.serve(new SpringRabbitmq());
    }

    @Override
    public Sender openPublisher(Room room) {
        var connections = connect(room);
        var template = templateOn(connections);
        var sends = new LinkedBlockingQueue<Runnable>();
        var sender = new Thread(() -> template.invoke(operations -> sendAll(sends)));
        sender.setDaemon(true);
        sender.start();

        return new Sender() {
            @Override
            public void send(int from, int to, Consumer<Throwable> done) {
                var correlation = new CorrelationData();
                correlation.getFuture().whenComplete((confirm, error) -> done.accept(error != null || confirm.ack() ? error : new IllegalStateException(confirm.reason())));
                sends.add(() -> template.convertAndSend("", room.store(), Order.of(from), correlation));
            }

            @Override
            public void close() {
                sender.interrupt();
                connections.destroy();
            }
        };
    }

    private static Void sendAll(BlockingQueue<Runnable> sends) {
        try {
            while (true) sends.take().run();
        } catch (InterruptedException ended) {
            return null;
        }
    }

    @Override
    public AutoCloseable openConsumer(Room room, Consumer<Order> handle) {
        return listen(room, room.store(), message -> handle.accept((Order) json.fromMessage(message)));
    }

    @Override
    public AutoCloseable openResponder(Room room, Consumer<Order> handle) {
        return listen(room, questionsOf(room), new MessageListenerAdapter(new Desk(handle), json));
    }

    /** `convertSendAndReceive` blocks, so each caller has a thread. */
    @Override
    public Sender openAsker(Room room) {
        var connections = connect(room);
        var template = templateOn(connections);
        template.setMandatory(true);
        var callers = Executors.newCachedThreadPool();

        return new Sender() {
            @Override
            public void send(int from, int to, Consumer<Throwable> done) {
                callers.execute(() -> done.accept(ask(from)));
            }

            private Throwable ask(int id) {
                try {
                    var reply = template.convertSendAndReceive("", questionsOf(room), Order.of(id), new CorrelationData());

                    return reply == null ? new IllegalStateException("no reply in time") : null;
                } catch (RuntimeException error) {
                    return error;
                }
            }

            @Override
            public void close() {
                callers.shutdown();
                template.stop();
                connections.destroy();
            }
        };
    }

    private AutoCloseable listen(Room room, String queue, MessageListener listener) {
        var connections = connect(room);
        var container = new SimpleMessageListenerContainer(connections);
        container.setQueueNames(queue);
        container.setPrefetchCount(room.prefetch());
        container.setMessageListener(listener);
        container.afterPropertiesSet();
        container.start();

        return () -> {
            container.destroy();
            connections.destroy();
        };
    }

    private RabbitTemplate templateOn(CachingConnectionFactory connections) {
        connections.setPublisherConfirmType(ConfirmType.CORRELATED);
        var template = new RabbitTemplate(connections);
        template.setMessageConverter(json);

        return template;
    }

    private static CachingConnectionFactory connect(Room room) {
        var connections = new CachingConnectionFactory(URI.create(room.url()));
        connections.setChannelCacheSize(CHANNELS);

        return connections;
    }

    private static String questionsOf(Room room) {
        return room.id() + ".questions";
    }

    /** Spring calls it by its name. */
    public static final class Desk {
        private final Consumer<Order> handle;

        Desk(Consumer<Order> handle) {
            this.handle = handle;
        }

        public Order.Reply handleMessage(Order order) {
            handle.accept(order);

            return new Order.Reply(order.id());
        }
    }
}
