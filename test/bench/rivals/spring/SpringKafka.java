import java.util.Collection;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.KafkaMessageListenerContainer;
import org.springframework.kafka.listener.MessageListener;
import org.springframework.kafka.support.serializer.JacksonJsonDeserializer;
import org.springframework.kafka.support.serializer.JacksonJsonSerializer;

/** Spring Kafka as its documentation says: a template with acks of all replicas and JSON, a listener container that commits after each poll. */
final class SpringKafka implements Rival {
    public static void main(String[] arguments) throws InterruptedException {
        Bench.serve(new SpringKafka());
    }

    @Override
    public Sender openPublisher(Room room) {
        Map<String, Object> options = Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, room.url(), ProducerConfig.ACKS_CONFIG, "all");
        var producers = new DefaultKafkaProducerFactory<>(options, new StringSerializer(), new JacksonJsonSerializer<Order>());
        var template = new KafkaTemplate<>(producers);
        template.partitionsFor(room.store());

        return new Sender() {
            @Override
            public void send(int from, int to, Consumer<Throwable> done) {
                var left = new AtomicInteger(to - from);
                var refused = new AtomicReference<Throwable>();
                for (var id = from; id < to; id++) {
                    template.send(room.store(), room.hasKeys() ? Order.keyOf(id) : null, Order.of(id)).whenComplete((result, error) -> {
                        if (error != null) refused.set(error);
                        if (left.decrementAndGet() == 0) done.accept(refused.get());
                    });
                }
            }

            @Override
            public void close() {
                producers.destroy();
            }
        };
    }

    @Override
    public AutoCloseable openConsumer(Room room, Consumer<Order> handle) throws InterruptedException {
        var assigned = new CountDownLatch(1);
        var properties = new ContainerProperties(room.store());
        properties.setConsumerRebalanceListener(new Assignment(assigned));
        properties.setMessageListener((MessageListener<String, Order>) message -> {
            if (room.hasKeys()) pause(room.keyedMs());
            handle.accept(message.value());
        });
        Map<String, Object> options =
            Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, room.url(), ConsumerConfig.GROUP_ID_CONFIG, room.id() + ".workers", ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        var orders = new JacksonJsonDeserializer<>(Order.class).trustedPackages("*");
        var container = new KafkaMessageListenerContainer<>(new DefaultKafkaConsumerFactory<>(options, new StringDeserializer(), orders), properties);
        container.start();
        assigned.await();

        return container::stop;
    }

    private static void pause(int ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
        }
    }

    private record Assignment(CountDownLatch done) implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            done.countDown();
        }
    }
}
