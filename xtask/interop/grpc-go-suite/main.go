// A grpc-go server of gRPC's interop suite on loopback. The service is grpc-go's own, from its
// package interop.
//
// Usage: grpc-go-suite -certificate FILE -key FILE -client-ca FILE
//
//	[-plaintext ADDRESS] [-tls ADDRESS] [-max-age DURATION] [-max-streams NUMBER]
//	[-qps RATE -utilization SHARE] [-traces]
//
// It prints one line of JSON on standard output once it accepts connections:
// {"plaintext":"127.0.0.1:41234","tls":"127.0.0.1:41235","mtls":"127.0.0.1:41236"}. The last one demands a
// client certificate from the authority in the last file. The server ends when its standard input ends. On
// SIGTERM it lets running calls finish first. With a maximum age it ends each connection gracefully
// after that time. From SIGUSR1 on every second call fails with INTERNAL, until SIGUSR2. With a rate and a
// utilization it reports them as its load, in the trailers of each unary call and out of band. Otherwise it
// reports what the requests of the suite ask for. With traces it has grpc-go's OpenTelemetry plugin, which reads
// traceparent and grpc-trace-bin, and returns the parent of its span as the header x-trace-parent.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
	_ "unsafe" // for go:linkname

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"
	experimental "google.golang.org/grpc/experimental/opentelemetry"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/stats/opentelemetry"
	"google.golang.org/grpc/status"

	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// allowShortInterval makes a service of load reports accept intervals below 30 s. grpc-go's own server of
// the suite uses it, too: the suite waits for 10 s at most.
//
//go:linkname allowShortInterval google.golang.org/grpc/internal.ORCAAllowAnyMinReportingInterval
var allowShortInterval any

// free is a free port of loopback.
const free = "127.0.0.1:0"

func main() {
	certificate := flag.String("certificate", "", "PEM file with the certificate of the server")
	key := flag.String("key", "", "PEM file with its key")
	clientCA := flag.String("client-ca", "", "PEM file with the authority of client certificates")
	plaintext := flag.String("plaintext", free, "address of the plaintext listener")
	secure := flag.String("tls", free, "address of the TLS listener")
	maxStreams := flag.Uint("max-streams", 0, "most concurrent calls on a connection; 0 for any number")
	maxAge := flag.Duration("max-age", 0, "maximum age of a connection; 0 for none")
	qps := flag.Float64("qps", 0, "queries per second to report; 0 for none")
	utilization := flag.Float64("utilization", 0, "utilization of the application to report")
	traces := flag.Bool("traces", false, "trace calls, and return the parents of their spans")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	ca, err := os.ReadFile(*clientCA)
	if err != nil {
		log.Fatal(err)
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(ca) {
		log.Fatalf("%s has no certificate", *clientCA)
	}
	server := tls.Config{Certificates: []tls.Certificate{pair}}
	mutual := tls.Config{
		Certificates: server.Certificates,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
	}
	age := grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: *maxAge})
	streams := grpc.MaxConcurrentStreams(uint32(*maxStreams))
	failing := watchFailing()
	var servers []*grpc.Server
	for _, options := range [][]grpc.ServerOption{
		{},
		{grpc.Creds(credentials.NewTLS(&server))},
		{grpc.Creds(credentials.NewTLS(&mutual))},
	} {
		metrics := orca.NewServerMetricsRecorder()
		var always orca.ServerMetricsProvider
		if *qps > 0 {
			metrics.SetQPS(*qps)
			metrics.SetApplicationUtilization(*utilization)
			always = metrics
		}
		options = append(options, age, streams, failing[0], failing[1], orca.CallMetricsServerOption(always))
		if *traces {
			options = append(options, traced()...)
		}
		servers = append(servers, withService(grpc.NewServer(options...), metrics))
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	line, err := json.Marshal(map[string]string{
		"plaintext": serve(servers[0], *plaintext),
		"tls":       serve(servers[1], *secure),
		"mtls":      serve(servers[2], free),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	<-stop
	for _, server := range servers {
		server.GracefulStop()
	}
}

// withService adds the services to a server.
func withService(server *grpc.Server, metrics orca.ServerMetricsRecorder) *grpc.Server {
	options := orca.ServiceOptions{
		ServerMetricsProvider: metrics,
		MinReportingInterval:  time.Second,
	}
	allowShortInterval.(func(*orca.ServiceOptions))(&options)
	if err := orca.Register(server, options); err != nil {
		log.Fatal(err)
	}
	tests := interop.NewTestServer(interop.NewTestServerOptions{MetricsRecorder: metrics})
	testgrpc.RegisterTestServiceServer(server, tests)
	return server
}

// serve starts a server, and returns its address.
func serve(server *grpc.Server, address string) string {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		if err := server.Serve(listener); err != nil {
			log.Fatal(err)
		}
	}()
	return listener.Addr().String()
}

// watchFailing returns the options of servers whose every second call fails between SIGUSR1 and SIGUSR2.
func watchFailing() [2]grpc.ServerOption {
	var isFailing atomic.Bool
	var calls atomic.Uint64
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for got := range signals {
			isFailing.Store(got == syscall.SIGUSR1)
		}
	}()
	check := func() error {
		if isFailing.Load() && calls.Add(1)%2 == 0 {
			return status.Error(codes.Internal, "every second call fails")
		}
		return nil
	}
	unary := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if err := check(); err != nil {
			return nil, err
		}
		return handler(ctx, req)
	}
	stream := func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if err := check(); err != nil {
			return err
		}
		return handler(server, stream)
	}
	return [2]grpc.ServerOption{grpc.ChainUnaryInterceptor(unary), grpc.ChainStreamInterceptor(stream)}
}

// traced returns the options of a server that traces its calls. It returns the parent of each span, as its
// propagator has read it, in the headers of a unary call: trace id, span id and flags.
func traced() []grpc.ServerOption {
	plugin := opentelemetry.ServerOption(opentelemetry.Options{
		TraceOptions: experimental.TraceOptions{
			TracerProvider: sdktrace.NewTracerProvider(),
			TextMapPropagator: propagation.NewCompositeTextMapPropagator(
				propagation.TraceContext{}, opentelemetry.GRPCTraceBinPropagator{}),
		},
	})
	unary := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if span, ok := trace.SpanFromContext(ctx).(sdktrace.ReadOnlySpan); ok && span.Parent().IsValid() {
			parent := span.Parent()
			text := fmt.Sprintf("%s-%s-%s", parent.TraceID(), parent.SpanID(), parent.TraceFlags())
			if err := grpc.SetHeader(ctx, metadata.Pairs("x-trace-parent", text)); err != nil {
				return nil, err
			}
		}
		return handler(ctx, req)
	}
	return []grpc.ServerOption{plugin, grpc.ChainUnaryInterceptor(unary)}
}
