package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"
)

const (
	// settled is how long the client waits before it looks: what a connection gives back when it is
	// idle, it has given back by then.
	settled = 500 * time.Millisecond
	// patience is how many times as many calls as backends may be made until all are connected.
	patience = 100
)

// resident connects a channel to many backends, and returns the memory that this takes.
func resident(channels *channels, order round) (cost, error) {
	work := order.Case
	backends, err := residentBackends(channels.setup.Backends[0], work.Backends)
	if err != nil {
		return cost{}, err
	}
	heapBefore := heapBytes()
	rssBefore, err := statusBytes("VmRSS")
	if err != nil {
		return cost{}, err
	}
	channel, err := channels.dialTo(backends, false)
	if err != nil {
		return cost{}, err
	}
	defer channel.Close()
	for range patience {
		open, err := sockets()
		if err != nil {
			return cost{}, err
		}
		if open >= work.Backends {
			break
		}
		if err := calls(channel, work, 0, work.Backends, nil); err != nil {
			return cost{}, err
		}
	}
	open, err := sockets()
	if err != nil {
		return cost{}, err
	}
	if open < work.Backends {
		return cost{}, fmt.Errorf("%d of %d backends are connected", open, work.Backends)
	}
	if err := calls(channel, work, 0, order.Calls, nil); err != nil {
		return cost{}, err
	}
	time.Sleep(settled)
	// The heap is looked at last, because that runs the garbage collector.
	rss, err := statusBytes("VmRSS")
	if err != nil {
		return cost{}, err
	}
	heap := max(heapBytes()-heapBefore, 0)
	rss = max(rss-rssBefore, 0)
	return cost{MaxRSSBytes: maxRSSBytes(), RSSBytes: &rss, HeapBytes: &heap}, nil
}

// residentBackends returns the addresses 127.1.N.H, with the port of the first backend.
func residentBackends(first string, count int) ([]string, error) {
	_, port, err := net.SplitHostPort(first)
	if err != nil {
		return nil, err
	}
	var all []string
	for at := range count {
		all = append(all, net.JoinHostPort(fmt.Sprintf("127.1.%d.%d", at/250, at%250+1), port))
	}
	return all, nil
}

// sockets returns how many sockets this process has open.
func sockets() (int, error) {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	count := 0
	for _, file := range files {
		// A file can be closed meanwhile.
		target, _ := os.Readlink("/proc/self/fd/" + file.Name())
		if strings.HasPrefix(target, "socket:") {
			count++
		}
	}
	return count, nil
}

// heapBytes returns the bytes of objects in use: what is left after a run of the garbage collector.
func heapBytes() int64 {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return int64(memory.HeapAlloc)
}
