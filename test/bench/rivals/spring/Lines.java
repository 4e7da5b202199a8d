import java.io.PrintStream;

/** Lines for the process that drives this one. Many leave in one write, at most a few milliseconds late. */
final class Lines extends Thread {
    private static final int PAUSE_MS = 2;
    private final PrintStream out = System.out;
    private StringBuilder waiting = new StringBuilder();

    Lines() {
        setDaemon(true);
        start();
    }

    synchronized void say(String line) {
        waiting.append(line.replace('\n', ' ')).append('\n');
        notifyAll();
    }

    @Override
    public void run() {
        try {
            while (true) {
                out.print(take());
                out.flush();
                sleep(PAUSE_MS);
            }
        } catch (InterruptedException ended) {
            interrupt();
        }
    }

    private synchronized StringBuilder take() throws InterruptedException {
        while (waiting.isEmpty()) wait();
        var taken = waiting;
        waiting = new StringBuilder();

        return taken;
    }
}
