// A grpc-go server of gRPC's interop suite on loopback. The service is grpc-go's own, from its
// package interop.
//
// Usage: grpc-go-suite [-certificate FILE -key FILE]
//
// It prints one line of JSON on standard output once it accepts connections:
// {"plaintext":"127.0.0.1:41234","tls":"127.0.0.1:41235"}; without a certificate there is no "tls".
// It ends when its standard input ends.
package main

import (
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
	certificate := flag.String("certificate", "", "PEM file with the certificate of the TLS listener")
	key := flag.String("key", "", "PEM file with its key")
	flag.Parse()
	addresses := map[string]string{"plaintext": serve()}
	if *certificate != "" {
		creds, err := credentials.NewServerTLSFromFile(*certificate, *key)
		if err != nil {
			log.Fatal(err)
		}
		addresses["tls"] = serve(grpc.Creds(creds))
	}
	line, err := json.Marshal(addresses)
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
