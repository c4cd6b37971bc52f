// Measures what an update of the list of endpoints costs grpc-go's round_robin.
//
// Arguments: the number of updates, then numbers of endpoints. For each number it prints a line: the
// median CPU time in microseconds of an update with 1 % of the endpoints replaced, and that of the
// connections of the new endpoints, which become ready one by one. CPU time is the process's, so that
// the garbage collector counts.
package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/roundrobin"
	"google.golang.org/grpc/connectivity"
	estats "google.golang.org/grpc/experimental/stats"
	"google.golang.org/grpc/resolver"
)

// One in this many endpoints changes with an update.
const changed = 100

// subConn is a connection that changes only when this program moves it.
type subConn struct {
	balancer.SubConn
	channel *channel
	listen  func(balancer.SubConnState)
	health  func(balancer.SubConnState)
}

func (s *subConn) Connect() { s.channel.dials = append(s.channel.dials, s) }

// Shutdown puts the notification off, because the policy holds its lock.
func (s *subConn) Shutdown() { s.channel.closed = append(s.channel.closed, s) }

func (s *subConn) RegisterHealthListener(listen func(balancer.SubConnState)) { s.health = listen }

// channel is a channel without I/O around the policy.
type channel struct {
	balancer.ClientConn
	dials  []*subConn
	closed []*subConn
	last   balancer.State
}

func (c *channel) NewSubConn(_ []resolver.Address, options balancer.NewSubConnOptions) (balancer.SubConn, error) {
	return &subConn{channel: c, listen: options.StateListener}, nil
}

func (c *channel) UpdateState(state balancer.State) { c.last = state }

func (c *channel) ResolveNow(resolver.ResolveNowOptions) {}

func (c *channel) Target() string { return "dns:///orders.example.com:443" }

func (c *channel) MetricsRecorder() estats.MetricsRecorder { return noMetrics{} }

// noMetrics records nothing, as a channel without metrics does.
type noMetrics struct{ estats.MetricsRecorder }

func (noMetrics) RecordInt64Count(*estats.Int64CountHandle, int64, ...string)             {}
func (noMetrics) RecordFloat64Count(*estats.Float64CountHandle, float64, ...string)       {}
func (noMetrics) RecordInt64Histo(*estats.Int64HistoHandle, int64, ...string)             {}
func (noMetrics) RecordFloat64Histo(*estats.Float64HistoHandle, float64, ...string)       {}
func (noMetrics) RecordInt64Gauge(*estats.Int64GaugeHandle, int64, ...string)             {}
func (noMetrics) RecordInt64UpDownCount(*estats.Int64UpDownCountHandle, int64, ...string) {}

func state(value connectivity.State) balancer.SubConnState {
	return balancer.SubConnState{ConnectivityState: value}
}

// connectAll connects whatever the policy connects, one by one.
func (c *channel) connectAll() {
	for len(c.dials) > 0 {
		dials := c.dials
		c.dials = nil
		for _, dial := range dials {
			dial.listen(state(connectivity.Connecting))
		}
		for _, dial := range dials {
			dial.listen(state(connectivity.Ready))
			if dial.health != nil {
				dial.health(state(connectivity.Ready))
			}
		}
	}
}

func endpoint(number int) resolver.Endpoint {
	address := fmt.Sprintf("10.%d.%d.%d:443", number>>16&255, number>>8&255, number&255)
	return resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}}
}

// cpuMicros returns the CPU time of the process.
func cpuMicros() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	micros := func(time syscall.Timeval) float64 { return float64(time.Sec)*1e6 + float64(time.Usec) }
	return micros(usage.Utime) + micros(usage.Stime)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func measure(count, updates int) (float64, float64) {
	channel := &channel{}
	policy := balancer.Get(roundrobin.Name).Build(channel, balancer.BuildOptions{})
	defer policy.Close()
	endpoints := make([]resolver.Endpoint, count)
	for number := range endpoints {
		endpoints[number] = endpoint(number)
	}
	update := func() {
		list := resolver.State{Endpoints: slices.Clone(endpoints)}
		if err := policy.UpdateClientConnState(balancer.ClientConnState{ResolverState: list}); err != nil {
			panic(err)
		}
		for _, closed := range channel.closed {
			closed.listen(state(connectivity.Shutdown))
		}
		channel.closed = nil
	}
	update()
	channel.connectAll()
	if channel.last.ConnectivityState != connectivity.Ready {
		panic("the policy is not ready")
	}
	next := count
	var lists, connections []float64
	for round := range updates {
		for at := round % changed; at < count; at += changed {
			endpoints[at] = endpoint(next)
			next++
		}
		start := cpuMicros()
		update()
		middle := cpuMicros()
		channel.connectAll()
		lists = append(lists, middle-start)
		connections = append(connections, cpuMicros()-middle)
	}
	return median(lists), median(connections)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		fmt.Fprintf(os.Stderr, "%q is not a number above 0\n", text)
		os.Exit(2)
	}
	return value
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: grpc-go UPDATES ENDPOINTS..")
		os.Exit(2)
	}
	updates := number(os.Args[1])
	for _, text := range os.Args[2:] {
		lists, connections := measure(number(text), updates)
		fmt.Printf("%.1f %.1f\n", lists, connections)
	}
}
