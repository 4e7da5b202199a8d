import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** So many callers, each of which waits for its own send before it sends again. */
record Load(int count, int callers, int batch) {
    /** How many sends were refused, how long each took as floats in base 64, and the first refusal. */
    String run(Rival.Sender sender) throws InterruptedException {
        var sends = (count + batch - 1) / batch;
        var latencies = ByteBuffer.allocate(sends * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        var refused = new AtomicInteger();
        var first = new AtomicReference<Throwable>();
        var free = new Semaphore(callers);
        for (var index = 0; index < sends; index++) {
            free.acquire();
            var at = index * Float.BYTES;
            var start = Order.nowMs();
            sender.send(index * batch, Math.min(count, (index + 1) * batch), error -> {
                latencies.putFloat(at, (float) (Order.nowMs() - start));
                if (error != null && refused.getAndIncrement() == 0) first.set(error);
                free.release();
            });
        }
        free.acquire(callers);

        return "%d %s %s".formatted(refused.get(), Base64.getEncoder().encodeToString(latencies.array()), first.get());
    }
}
