// A grpc-go server on loopback that greets, tells its health, and counts.
//
// Usage: grpc-go [-listen ADDRESS]
//
// It prints one line of JSON on standard output once it accepts connections:
// {"event":"ready","address":"127.0.0.1:41234"}; and one with its counters for each line "counts" on
// standard input: {"event":"counts","calls":{"/helloworld.Greeter/SayHello":3},"accepts":1,"closes":0}.
// On SIGTERM, and when its standard input ends, it sends GOAWAY, lets running calls finish, prints the
// counters as the event "stopped", and ends.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port; port 0 takes a free one")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	counters := &counters{calls: map[string]uint64{}}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(counters.count),
		grpc.StatsHandler(counters),
	)
	server.RegisterService(&greeter, nil)
	states := health.NewServer()
	states.SetServingStatus(greeter.ServiceName, healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, states)

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go answer(counters, stop)
	drained := make(chan struct{})
	go func() {
		<-stop
		// GracefulStop waits for every call without end; a call that hangs must not keep the process.
		hung := time.AfterFunc(10*time.Second, server.Stop)
		server.GracefulStop()
		hung.Stop()
		close(drained)
	}()
	emit("ready", map[string]any{"address": listener.Addr().String()})
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
	<-drained
	emit("stopped", counters.snapshot())
}

// answer prints the counters for each line "counts" on standard input, and stops the server when
// the input ends: whoever started it is gone.
func answer(counters *counters, stop chan<- os.Signal) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "counts" {
			emit("counts", counters.snapshot())
		}
	}
	stop <- syscall.SIGTERM
}

// greeter is helloworld.Greeter without generated code: HelloRequest and HelloReply are on the wire
// what the well-known StringValue is, one string in field 1.
var greeter = grpc.ServiceDesc{
	ServiceName: "helloworld.Greeter",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "SayHello", Handler: sayHello}},
}

func sayHello(
	service any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
) (any, error) {
	request := new(wrapperspb.StringValue)
	if err := decode(request); err != nil {
		return nil, err
	}
	info := &grpc.UnaryServerInfo{Server: service, FullMethod: "/helloworld.Greeter/SayHello"}
	return interceptor(ctx, request, info, func(context.Context, any) (any, error) {
		return wrapperspb.String("Hello " + request.GetValue()), nil
	})
}

// counters is what this process has seen.
type counters struct {
	mutex   sync.Mutex
	calls   map[string]uint64
	accepts uint64
	closes  uint64
}

func (c *counters) count(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	c.mutex.Lock()
	c.calls[info.FullMethod]++
	c.mutex.Unlock()
	return handler(ctx, request)
}

func (c *counters) snapshot() map[string]any {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	calls := make(map[string]uint64, len(c.calls))
	for method, count := range c.calls {
		calls[method] = count
	}
	return map[string]any{"calls": calls, "accepts": c.accepts, "closes": c.closes}
}

// TagConn, HandleConn, TagRPC and HandleRPC make counters a stats.Handler, for the connections.

func (c *counters) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (c *counters) HandleConn(_ context.Context, event stats.ConnStats) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch event.(type) {
	case *stats.ConnBegin:
		c.accepts++
	case *stats.ConnEnd:
		c.closes++
	}
}

func (c *counters) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (c *counters) HandleRPC(context.Context, stats.RPCStats) {}

var printing sync.Mutex

// emit prints one event as a line of JSON.
func emit(event string, fields map[string]any) {
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		log.Fatal(err)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(string(line))
}
