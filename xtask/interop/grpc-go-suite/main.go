// A grpc-go server of gRPC's interop suite on loopback. The service is grpc-go's own, from its
// package interop.
//
// Usage: grpc-go-suite -certificate FILE -key FILE -client-ca FILE
//
//	[-plaintext ADDRESS] [-tls ADDRESS] [-max-age DURATION]
//
// It prints one line of JSON on standard output once it accepts connections:
// {"plaintext":"127.0.0.1:41234","tls":"127.0.0.1:41235","mtls":"127.0.0.1:41236"}. The last one demands a
// client certificate from the authority in the last file. The server ends when its standard input ends. On
// SIGTERM it lets running calls finish first. With a maximum age it ends each connection gracefully
// after that time. From SIGUSR1 on every second call fails with INTERNAL, until SIGUSR2.
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

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// free is a free port of loopback.
const free = "127.0.0.1:0"

func main() {
	certificate := flag.String("certificate", "", "PEM file with the certificate of the server")
	key := flag.String("key", "", "PEM file with its key")
	clientCA := flag.String("client-ca", "", "PEM file with the authority of client certificates")
	plaintext := flag.String("plaintext", free, "address of the plaintext listener")
	secure := flag.String("tls", free, "address of the TLS listener")
	maxAge := flag.Duration("max-age", 0, "maximum age of a connection; 0 for none")
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
	failing := watchFailing()
	servers := []*grpc.Server{
		grpc.NewServer(age, failing[0], failing[1]),
		grpc.NewServer(age, failing[0], failing[1], grpc.Creds(credentials.NewTLS(&server))),
		grpc.NewServer(age, failing[0], failing[1], grpc.Creds(credentials.NewTLS(&mutual))),
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

// serve starts a server, and returns its address.
func serve(server *grpc.Server, address string) string {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
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
