import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Does what lines on stdin say, one after another, and answers each with a line. It ends when stdin does, whatever it is at. */
final class Bench {
    private final Rival rival;
    private final Lines lines = new Lines();
    private final Map<String, AutoCloseable> opened = new HashMap<>();

    private Bench(Rival rival) {
        this.rival = rival;
    }

    static void serve(Rival rival) throws InterruptedException {
        var bench = new Bench(rival);
        var commands = new LinkedBlockingQueue<String>();
        new Thread(() -> read(commands)).start();
        while (true) bench.answer(commands.take().split(" "));
    }

    private static void read(BlockingQueue<String> commands) {
        try (var in = new BufferedReader(new InputStreamReader(System.in))) {
            for (var line = in.readLine(); line != null; line = in.readLine()) commands.add(line);
        } catch (IOException ended) {
            System.err.println(ended);
        }
        Runtime.getRuntime().halt(0);
    }

    private void answer(String[] words) {
        try {
            var answer = perform(words);
            if (answer != null) lines.say("ok " + answer);
        } catch (Exception error) {
            lines.say("error " + error);
        }
    }

    private String perform(String[] words) throws Exception {
        var role = words[1];
        switch (words[0]) {
            case "open" -> opened.put(role, open(role, new Rival.Room(words[2], words[3], Integer.parseInt(words[4]), Integer.parseInt(words[5]))));
            case "close" -> opened.remove(role).close();
            case "load" -> {
                return new Load(Integer.parseInt(words[2]), Integer.parseInt(words[3]), Integer.parseInt(words[4])).run((Rival.Sender) opened.get(role));
            }
            case "send" -> {
                var id = Integer.parseInt(words[2]);
                ((Rival.Sender) opened.get(role)).send(id, id + 1, error -> lines.say("sent " + id + (error == null ? "" : " " + error)));

                return null;
            }
            default -> throw new IllegalArgumentException("Unknown command \"" + words[0] + "\".");
        }

        return "";
    }

    private AutoCloseable open(String role, Rival.Room room) throws Exception {
        return switch (role) {
            case "publisher" -> rival.openPublisher(room);
            case "consumer" -> rival.openConsumer(room, this::handle);
            case "responder" -> rival.openResponder(room, this::handle);
            case "asker" -> rival.openAsker(room);
            default -> throw new IllegalArgumentException("Unknown role \"" + role + "\".");
        };
    }

    /** How long an order took is known here alone. */
    private void handle(Order order) {
        lines.say("order " + order.id() + " " + (Order.nowMs() - order.at()));
    }
}
