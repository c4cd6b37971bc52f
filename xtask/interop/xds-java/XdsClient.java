import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Phaser;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * grpc-java's own client of xDS, whose bootstrap is in the environment.
 *
 * <p>Usage: XdsClient TARGET. It prints events as lines of JSON on standard output, obeys commands as lines
 * of JSON on standard input, and ends when the input ends. The commands and events are those of the client in
 * xtask/interop/xds/client.go.
 */
public final class XdsClient {
  private static final Gson GSON = new Gson();

  /** Sends no bytes, and takes any: an empty message. */
  private static final MethodDescriptor.Marshaller<byte[]> MARSHALLER =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] value) {
          return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
          try {
            return stream.readAllBytes();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      };

  private final Channel channel;
  private final ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();

  /** The calls since "start". */
  private Outcome load = new Outcome();

  private XdsClient(Channel channel) {
    this.channel = channel;
  }

  public static void main(String[] args) throws Exception {
    XdsClient client =
        new XdsClient(Grpc.newChannelBuilder(args[0], InsecureChannelCredentials.create()).build());
    emit("ready", new JsonObject());
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      client.handle(JsonParser.parseString(line).getAsJsonObject());
    }
    System.exit(0);
  }

  private void handle(JsonObject command) throws InterruptedException {
    switch (command.get("command").getAsString()) {
      case "call":
        Outcome ended = new Outcome();
        for (int left = command.get("count").getAsInt(); left > 0; left--) {
          CountDownLatch end = new CountDownLatch(1);
          call(command, ended, end::countDown);
          end.await();
        }
        ended.emit();
        break;
      case "start":
        load = new Outcome();
        Outcome loaded = load;
        long period = TimeUnit.SECONDS.toNanos(1) / command.get("rate").getAsInt();
        loaded.calls.register();
        executor.scheduleAtFixedRate(
            () -> {
              loaded.calls.register();
              call(command, loaded, loaded.calls::arriveAndDeregister);
            },
            0,
            period,
            TimeUnit.NANOSECONDS);
        emit("done", new JsonObject());
        break;
      case "outcome":
        load.emit();
        break;
      case "stop":
        executor.shutdown();
        executor.awaitTermination(1, TimeUnit.MINUTES);
        load.calls.arriveAndAwaitAdvance();
        load.emit();
        break;
      default:
        throw new IllegalArgumentException("no such command: " + command);
    }
  }

  /** Starts one call. */
  private void call(JsonObject command, Outcome outcome, Runnable end) {
    MethodDescriptor<byte[], byte[]> method =
        MethodDescriptor.newBuilder(MARSHALLER, MARSHALLER)
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName(command.get("method").getAsString().substring(1))
            .build();
    long nanos = (long) (command.get("timeout").getAsDouble() * TimeUnit.SECONDS.toNanos(1));
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(nanos, TimeUnit.NANOSECONDS);
    Metadata headers = new Metadata();
    command
        .getAsJsonObject("headers")
        .asMap()
        .forEach(
            (name, value) ->
                headers.put(
                    Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value.getAsString()));
    ClientCall<byte[], byte[]> call = channel.newCall(method, options);
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onClose(Status status, Metadata trailers) {
            // A call that the client fails by itself has no attributes.
            SocketAddress from =
                status.isOk() ? call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR) : null;
            outcome.add(from, status);
            end.run();
          }
        },
        headers);
    call.sendMessage(new byte[0]);
    call.halfClose();
    call.request(2);
  }

  private static synchronized void emit(String event, JsonObject fields) {
    fields.addProperty("event", event);
    System.out.println(GSON.toJson(fields));
  }

  /** How calls ended. */
  private static final class Outcome {
    /** Waits for the calls of "start", and for its own end. */
    final Phaser calls = new Phaser();

    private final Map<String, Integer> backends = new TreeMap<>();
    private final Map<String, Integer> codes = new TreeMap<>();
    private final Map<String, String> texts = new TreeMap<>();

    synchronized void add(SocketAddress from, Status status) {
      codes.merge(status.getCode().name(), 1, Integer::sum);
      if (status.isOk()) {
        InetSocketAddress address = (InetSocketAddress) from;
        String ip = address.getAddress().getHostAddress();
        String host = ip.contains(":") ? "[" + ip + "]" : ip;
        backends.merge(host + ":" + address.getPort(), 1, Integer::sum);
      } else {
        texts.put(status.getCode().name(), String.valueOf(status.getDescription()));
      }
    }

    synchronized void emit() {
      JsonObject fields = new JsonObject();
      fields.add("backends", GSON.toJsonTree(backends));
      fields.add("codes", GSON.toJsonTree(codes));
      fields.add("texts", GSON.toJsonTree(texts));
      XdsClient.emit("called", fields);
    }
  }
}
