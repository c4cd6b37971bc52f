// A client of the benchmark `rpc` on grpc-go, as benches/README.md describes it.
//
// What a good engineer configures for it: one client connection with the policy pick_first, or
// round_robin for several backends; windows of 2 MiB a stream and 5 MiB a connection, as the other
// clients have, which also turn the estimator of the bandwidth off; no retries, no service config from
// DNS, no proxy. Go sets TCP_NODELAY on each socket. GOMAXPROCS is the number of threads of the setup. The
// garbage collector has its default, and its time counts.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"google.golang.org/grpc"
)

// protocolVersion is the version of the lines.
const protocolVersion = 1

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve prints what this client is, reads the setup, and answers each round.
func serve(input io.Reader, output io.Writer) error {
	lines := json.NewEncoder(output)
	hello := fromClient{Hello: &hello{
		Protocol: protocolVersion,
		Name:     "grpc-go",
		Version:  grpc.Version,
		Can:      []string{"unary", "stream", "round_robin", "tls", "timeout", "cold", "resident"},
	}}
	if err := lines.Encode(hello); err != nil {
		return err
	}
	// Lines are as long as the certificate in the setup.
	orders := json.NewDecoder(bufio.NewReader(input))
	var first toClient
	if err := orders.Decode(&first); err != nil {
		return fmt.Errorf("the first line: %w", err)
	}
	if first.Setup == nil {
		return errors.New("the first line is not a setup")
	}
	runtime.GOMAXPROCS(first.Setup.Threads)
	channels := newChannels(*first.Setup)
	for {
		var order toClient
		if err := orders.Decode(&order); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if order.Round == nil {
			continue
		}
		var answer fromClient
		if cost, err := measure(channels, *order.Round); err != nil {
			answer.Failure = err.Error()
		} else {
			answer.Result = &cost
		}
		if err := lines.Encode(answer); err != nil {
			return err
		}
	}
}
