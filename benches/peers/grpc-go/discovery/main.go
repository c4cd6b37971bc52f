// The client of the benchmark `discovery` on grpc-go.
//
// Arguments: the target; the minimum time between resolutions in milliseconds, or `-` for grpc-go's default;
// the calls a second. It makes calls at that rate until its input ends, whether they end or not, each with a deadline of
// a second, and prints when one fails: nanoseconds of the machine's clock.
//
// It is configured like the client of ours: round_robin, keepalive of 10 s and 2 s, no proxy. Everything else is
// grpc-go's default.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver/dns"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	// HelloRequest and HelloReply have one field, the one of StringValue.
	method   = "/helloworld.Greeter/SayHello"
	deadline = time.Second
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: discovery TARGET INTERVAL RATE")
	}
	if os.Args[2] != "-" {
		dns.SetMinResolutionInterval(time.Duration(number(os.Args[2])) * time.Millisecond)
	}
	channel, err := grpc.NewClient(os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:    10 * time.Second,
			Timeout: 2 * time.Second,
		}),
		grpc.WithNoProxy(),
	)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for range time.Tick(time.Second / time.Duration(number(os.Args[3]))) {
		go call(channel)
	}
}

// call makes one call, and prints when it failed, if it did.
func call(channel *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := channel.Invoke(ctx, method, wrapperspb.String("Ada"), new(wrapperspb.StringValue))
	if err != nil {
		fmt.Println(now())
	}
}

// now returns the time of the machine's clock, which all processes share.
func now() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		log.Fatal(err)
	}
	return now.Nano()
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		log.Fatalf("%q is not a number above 0", text)
	}
	return value
}
