import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptors;
import io.grpc.TlsServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.testing.integration.TestServiceImpl;
import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/**
 * A grpc-java server of gRPC's interop suite on loopback. The service is grpc-java's own, from
 * grpc-interop-testing.
 *
 * <p>Usage: SuiteServer [--certificate FILE --key FILE] (PEM). It prints one line of JSON on standard output once it
 * accepts connections: {"plaintext":"127.0.0.1:41234","tls":"127.0.0.1:41235"}; without a certificate there
 * is no "tls". It ends when its standard input ends.
 */
public final class SuiteServer {
  /** The suite's longest message, and some more. */
  private static final int MAX_MESSAGE_SIZE = 16 * 1024 * 1024;

  public static void main(String[] args) throws IOException {
    ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();
    StringBuilder line = new StringBuilder("{\"plaintext\":\"");
    line.append(serve(InsecureServerCredentials.create(), executor));
    if (args.length == 4) {
      ServerCredentials tls = TlsServerCredentials.create(new File(args[1]), new File(args[3]));
      line.append("\",\"tls\":\"").append(serve(tls, executor));
    }
    System.out.println(line.append("\"}"));
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  /** Starts a server at a free port, and returns its address. */
  private static String serve(ServerCredentials credentials, ScheduledExecutorService executor)
      throws IOException {
    InetSocketAddress free = new InetSocketAddress("127.0.0.1", 0);
    Server server =
        NettyServerBuilder.forAddress(free, credentials)
            .maxInboundMessageSize(MAX_MESSAGE_SIZE)
            .addService(
                ServerInterceptors.intercept(
                    new TestServiceImpl(executor), TestServiceImpl.interceptors()))
            .build()
            .start();
    return "127.0.0.1:" + server.getPort();
  }
}
