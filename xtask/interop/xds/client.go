package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	// Registers the scheme `xds`, which reads its bootstrap from the environment.
	_ "google.golang.org/grpc/xds"
)

// clientCommand is a command of the client. Each is answered by the event "called", but "start", which is
// answered by "done". It has how many calls each backend answered, how many ended with each code, and one
// text for each code but OK.
type clientCommand struct {
	// "call": makes calls one after the other, and answers for them.
	// "start": makes calls at a rate until "stop", also when none of them ends.
	// "outcome": answers for the calls since "start" that have ended.
	// "stop": starts no more calls, waits for those in flight, and answers as "outcome".
	Command string            `json:"command"`
	Method  string            `json:"method"`
	Count   int               `json:"count"`
	Headers map[string]string `json:"headers"`
	// Calls a second.
	Rate int `json:"rate"`
	// Seconds that a call may take.
	Timeout float64 `json:"timeout"`
}

// client makes calls over one channel.
type client struct {
	channel *grpc.ClientConn
	// load has the calls since "start", and ends them.
	load     *outcome
	stopLoad func()
}

func serveClient(args []string) {
	if len(args) != 1 {
		log.Fatal("usage: xds client TARGET")
	}
	channel, err := grpc.NewClient(args[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	emit("ready", map[string]any{})
	c := &client{channel: channel, load: newOutcome(), stopLoad: func() {}}
	obey(c.handle)
}

func (c *client) handle(line json.RawMessage) error {
	var command clientCommand
	if err := json.Unmarshal(line, &command); err != nil {
		return err
	}
	switch command.Command {
	case "call":
		ended := newOutcome()
		for range command.Count {
			c.call(command, ended)
		}
		ended.emit()
	case "start":
		c.start(command)
		emit("done", map[string]any{})
	case "outcome":
		c.load.emit()
	case "stop":
		c.stopLoad()
		c.load.emit()
	default:
		return fmt.Errorf("no such command: %q", command.Command)
	}
	return nil
}

// start makes calls at a rate, in the background.
func (c *client) start(command clientCommand) {
	ended := newOutcome()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		var calls sync.WaitGroup
		ticks := time.NewTicker(time.Second / time.Duration(command.Rate))
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				calls.Go(func() { c.call(command, ended) })
			case <-stop:
				calls.Wait()
				return
			}
		}
	}()
	c.load = ended
	c.stopLoad = sync.OnceFunc(func() {
		close(stop)
		<-stopped
	})
}

// call makes one call.
func (c *client) call(command clientCommand, ended *outcome) {
	ctx, cancel := context.WithTimeout(
		context.Background(), time.Duration(command.Timeout*float64(time.Second)),
	)
	defer cancel()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(command.Headers))
	var from peer.Peer
	err := c.channel.Invoke(
		ctx, command.Method, new(emptypb.Empty), new(emptypb.Empty), grpc.Peer(&from),
	)
	ended.add(&from, err)
}

// outcome is how calls ended.
type outcome struct {
	mutex    sync.Mutex
	backends map[string]int
	codes    map[string]int
	texts    map[string]string
}

func newOutcome() *outcome {
	return &outcome{backends: map[string]int{}, codes: map[string]int{}, texts: map[string]string{}}
}

// add adds the end of one call.
func (o *outcome) add(from *peer.Peer, err error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if err == nil {
		o.backends[from.Addr.String()]++
	}
	result := status.Convert(err)
	o.codes[result.Code().String()]++
	if err != nil {
		o.texts[result.Code().String()] = result.Message()
	}
}

func (o *outcome) emit() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	emit("called", map[string]any{"backends": o.backends, "codes": o.codes, "texts": o.texts})
}
