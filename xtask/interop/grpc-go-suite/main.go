// A grpc-go server of gRPC's interop suite on loopback. The service is grpc-go's own, from its
// package interop.
//
// Usage: grpc-go-suite -certificate FILE -key FILE -client-ca FILE
//
// It prints one line of JSON on standard output once it accepts connections:
// {"plaintext":"127.0.0.1:41234","tls":"127.0.0.1:41235","mtls":"127.0.0.1:41236"}. The last one demands a
// client certificate from the authority in the last file. The server ends when its standard input ends.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

func main() {
	certificate := flag.String("certificate", "", "PEM file with the certificate of the server")
	key := flag.String("key", "", "PEM file with its key")
	clientCA := flag.String("client-ca", "", "PEM file with the authority of client certificates")
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
	line, err := json.Marshal(map[string]string{
		"plaintext": serve(),
		"tls":       serve(grpc.Creds(credentials.NewTLS(&server))),
		"mtls":      serve(grpc.Creds(credentials.NewTLS(&mutual))),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
	io.Copy(io.Discard, os.Stdin)
}

// serve starts a server at a free port, and returns its address.
func serve(options ...grpc.ServerOption) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(options...)
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	go func() { log.Fatal(server.Serve(listener)) }()
	return listener.Addr().String()
}
