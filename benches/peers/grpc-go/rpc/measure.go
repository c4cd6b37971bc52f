package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/grpc"
)

// measure runs a round, and returns what it cost.
func measure(channels *channels, order round) (cost, error) {
	if order.Case.Kind == "resident" {
		return resident(channels, order)
	}
	// A round of cold starts makes channels of its own.
	var channel *grpc.ClientConn
	if order.Case.Kind != "cold" {
		var err error
		if channel, err = channels.get(order.Case); err != nil {
			return cost{}, err
		}
	}
	var times [][]int64
	if order.Measure == "latency" {
		times = make([][]int64, max(order.Case.InFlight, 1))
	}
	mallocsBefore := mallocs(order)
	before, err := usage()
	if err != nil {
		return cost{}, err
	}
	if err := run(channels, channel, order, times); err != nil {
		return cost{}, err
	}
	after, err := usage()
	if err != nil {
		return cost{}, err
	}
	result := cost{
		CPUNanos:            cpuNanos(after) - cpuNanos(before),
		LatencyNanos:        percentiles(times),
		MaxRSSBytes:         maxRSSBytes(),
		VoluntarySwitches:   after.Nvcsw - before.Nvcsw,
		InvoluntarySwitches: after.Nivcsw - before.Nivcsw,
	}
	if order.Measure == "allocations" {
		made := mallocs(order) - mallocsBefore
		result.Allocations = &made
	}
	return result, nil
}

// run makes the calls of a round, over the channel unless each call has its own. times has a list for
// each caller, or is empty.
func run(channels *channels, channel *grpc.ClientConn, order round, times [][]int64) error {
	work := order.Case
	list := func(caller int) *[]int64 {
		if len(times) == 0 {
			return nil
		}
		return &times[caller]
	}
	callAll := func(caller, count int) error { return calls(channel, work, caller, count, list(caller)) }
	switch work.Kind {
	case "stream":
		return stream(channel, work, order.Calls, list(0))
	case "cold":
		callAll = func(caller, count int) error { return coldCalls(channels, work, caller, count, list(caller)) }
	case "unary":
	default:
		return fmt.Errorf("no kind of calls %q", work.Kind)
	}
	failures := make([]error, work.InFlight)
	var callers sync.WaitGroup
	for caller := range work.InFlight {
		count := order.Calls / work.InFlight
		if caller < order.Calls%work.InFlight {
			count++
		}
		callers.Go(func() { failures[caller] = callAll(caller, count) })
	}
	callers.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

// percentiles returns the percentiles 50, 90 and 99; nil if no times were measured.
func percentiles(times [][]int64) *[3]int64 {
	all := slices.Concat(times...)
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	at := func(percent int) int64 { return all[(len(all)-1)*percent/100] }
	return &[3]int64{at(50), at(90), at(99)}
}

// mallocs returns the number of allocations so far, if the round counts them. Reading it stops all
// goroutines.
func mallocs(order round) uint64 {
	if order.Measure != "allocations" {
		return 0
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.Mallocs
}

// maxRSSBytes returns the most memory that the process has had so far, and nil where there is no /proc.
// ru_maxrss would count its parent, too.
func maxRSSBytes() *int64 {
	bytes, err := statusBytes("VmHWM")
	if err != nil {
		return nil
	}
	return &bytes
}

// statusBytes returns a field of /proc/self/status that has kibibytes, in bytes.
func statusBytes(name string) (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kibibytes int64
		if _, err := fmt.Sscanf(line, name+": %d kB", &kibibytes); err == nil {
			return kibibytes * 1024, nil
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", name)
}

func usage() (syscall.Rusage, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return usage, fmt.Errorf("getrusage: %w", err)
	}
	return usage, nil
}

// cpuNanos returns the CPU time in user and kernel mode.
func cpuNanos(usage syscall.Rusage) int64 {
	return usage.Utime.Nano() + usage.Stime.Nano()
}
