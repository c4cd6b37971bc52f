import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptors;
import io.grpc.TlsServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.services.MetricRecorder;
import io.grpc.testing.integration.TestServiceImpl;
import io.grpc.xds.orca.OrcaMetricReportingServerInterceptor;
import io.grpc.xds.orca.OrcaServiceImpl;
import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A grpc-java server of gRPC's interop suite on loopback. The service is grpc-java's own, from
 * grpc-interop-testing.
 *
 * <p>Usage: SuiteServer --certificate FILE --key FILE --client-ca FILE (PEM) --max-streams NUMBER. It allows
 * this many concurrent calls on a connection. It prints one line of JSON on standard output once it accepts
 * connections:
 * {"plaintext":"127.0.0.1:41234","tls":"127.0.0.1:41235","mtls":"127.0.0.1:41236"}. The last one demands a
 * client certificate from the authority in the last file. The server ends when its standard input ends.
 */
public final class SuiteServer {
  /** The suite's longest message, and some more. */
  private static final int MAX_MESSAGE_SIZE = 16 * 1024 * 1024;

  public static void main(String[] args) throws IOException {
    File certificate = new File(args[1]);
    File key = new File(args[3]);
    File clientCa = new File(args[5]);
    int maxStreams = Integer.parseInt(args[7]);
    ServerCredentials mutual =
        TlsServerCredentials.newBuilder()
            .keyManager(certificate, key)
            .trustManager(clientCa)
            .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
            .build();
    ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();
    System.out.printf(
        "{\"plaintext\":\"%s\",\"tls\":\"%s\",\"mtls\":\"%s\"}%n",
        serve(InsecureServerCredentials.create(), executor, maxStreams),
        serve(TlsServerCredentials.create(certificate, key), executor, maxStreams),
        serve(mutual, executor, maxStreams));
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  /** Starts a server at a free port, and returns its address. */
  private static String serve(
      ServerCredentials credentials, ScheduledExecutorService executor, int maxStreams)
      throws IOException {
    InetSocketAddress free = new InetSocketAddress("127.0.0.1", 0);
    MetricRecorder metrics = MetricRecorder.newInstance();
    Server server =
        NettyServerBuilder.forAddress(free, credentials)
            .maxInboundMessageSize(MAX_MESSAGE_SIZE)
            .maxConcurrentCallsPerConnection(maxStreams)
            .intercept(OrcaMetricReportingServerInterceptor.getInstance())
            .addService(OrcaServiceImpl.createService(executor, metrics, 1, TimeUnit.SECONDS))
            .addService(
                ServerInterceptors.intercept(
                    new TestServiceImpl(executor, metrics), TestServiceImpl.interceptors()))
            .build()
            .start();
    return "127.0.0.1:" + server.getPort();
  }
}
