// A CoreDNS with only the plugins that the interop tests need, on loopback.
//
// Usage: coredns -zone NAME -file PATH [-listen ADDRESS]
//
// It prints one line of JSON on standard output once it answers, over UDP and TCP on one port:
// {"event":"ready","address":"127.0.0.1:41053"}. The zone file is read again when its serial
// changes, looked at once a second. It ends on SIGTERM, and when its standard input ends.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
)

func main() {
	zone := flag.String("zone", "", "the name of the zone")
	file := flag.String("file", "", "the file with its records")
	listen := flag.String("listen", "127.0.0.1:0", "address and port; port 0 takes a free one")
	flag.Parse()
	if *zone == "" || *file == "" {
		log.Fatal("both -zone and -file are needed")
	}
	// CoreDNS runs plugins in the order of its directives, whatever the order in the file.
	dnsserver.Directives = []string{"bind", "errors", "file"}
	caddy.Quiet = true
	dnsserver.Quiet = true

	instance, address, err := start(*zone, *file, *listen)
	if err != nil {
		log.Fatal(err)
	}
	ready, err := json.Marshal(map[string]string{"event": "ready", "address": address})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(ready))

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		// Whoever started this holds the other end: when they are gone, so is this.
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop <- syscall.SIGTERM
	}()
	<-stop
	if err := instance.Stop(); err != nil {
		log.Fatal(err)
	}
}

// start runs CoreDNS on the address. A port found free may be taken before CoreDNS has it, so a
// free port is looked for a few times.
func start(zone, file, listen string) (*caddy.Instance, string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, "", err
	}
	var failures []error
	for range 10 {
		chosen := port
		if port == "0" {
			if chosen, err = freePort(host); err != nil {
				failures = append(failures, err)
				continue
			}
		}
		corefile := fmt.Sprintf(
			"%s:%s {\n bind %s\n errors\n file %s {\n  reload 1s\n }\n}\n",
			zone, chosen, host, file,
		)
		instance, err := caddy.Start(caddy.CaddyfileInput{
			Filepath:       "Corefile",
			Contents:       []byte(corefile),
			ServerTypeName: "dns",
		})
		if err == nil {
			return instance, net.JoinHostPort(host, chosen), nil
		}
		failures = append(failures, err)
		if port != "0" {
			break
		}
	}
	return nil, "", errors.Join(failures...)
}

// freePort finds a port that is free for both TCP and UDP.
func freePort(host string) (string, error) {
	stream, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	defer stream.Close()
	_, port, err := net.SplitHostPort(stream.Addr().String())
	if err != nil {
		return "", err
	}
	packets, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
	if err != nil {
		return "", err
	}
	return port, packets.Close()
}
