import java.util.List;
import java.util.stream.IntStream;

/** What the other contenders send too, with `at` on this process's clock. */
record Order(int id, double at, String customer, List<Line> lines) {
    private static final String CUSTOMER = "customer-0123456789abcdef";
    private static final List<Line> LINES = IntStream.range(0, 18).mapToObj(at -> new Line("sku-%08d".formatted(at), at + 1, 1999 + at)).toList();
    private static final int KEYS = 16;

    static Order of(int id) {
        return new Order(id, nowMs(), CUSTOMER, LINES);
    }

    static String keyOf(int id) {
        return "customer-" + id % KEYS;
    }

    static double nowMs() {
        return System.nanoTime() / 1e6;
    }

    record Line(String sku, int quantity, int price) {}

    record Reply(int id) {}
}
