package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	unaryMethod  = "/helloworld.Greeter/SayHello"
	streamMethod = "/helloworld.Greeter/SayHelloBidiStream"
	// callTimeout is far longer than a call takes, so only the cost of setting it is measured.
	callTimeout = 20 * time.Second
)

// text returns what a call sends, and expects back.
func text(caller, call, length int) string {
	var name strings.Builder
	name.Grow(length)
	fmt.Fprintf(&name, "%04d-%08d-", caller, call)
	name.WriteString(filler(length - name.Len()))
	return name.String()
}

// fillers is what filler returns parts of.
var fillers = strings.Repeat("x", 64<<10)

// filler returns a text of a length, without making one.
func filler(length int) string {
	if length > len(fillers) {
		return strings.Repeat("x", length)
	}
	return fillers[:max(length, 0)]
}

// calls makes unary calls, one after the other. It adds the time of each to times, unless that is nil.
//
// HelloRequest and HelloReply have the fields of a StringValue, and generated stubs make the same call
// of Invoke.
func calls(channel *grpc.ClientConn, work workload, caller, count int, times *[]int64) error {
	for call := range count {
		if err := greet(channel, work, text(caller, call, work.Bytes), times); err != nil {
			return fmt.Errorf("caller %d, call %d: %w", caller, call, err)
		}
	}
	return nil
}

// coldCalls makes unary calls, each on a channel that is made for it and closed after it.
func coldCalls(channels *channels, work workload, caller, count int, times *[]int64) error {
	for call := range count {
		start := now(times)
		channel, err := channels.dial(channelKey{backends: work.Backends, tls: work.TLS})
		if err == nil {
			err = greet(channel, work, text(caller, call, work.Bytes), nil)
			record(times, start)
			err = errors.Join(err, channel.Close())
		}
		if err != nil {
			return fmt.Errorf("caller %d, call %d: %w", caller, call, err)
		}
	}
	return nil
}

// greet makes one unary call.
func greet(channel *grpc.ClientConn, work workload, name string, times *[]int64) error {
	ctx := context.Background()
	if work.Timeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	start := now(times)
	var reply wrapperspb.StringValue
	request := &wrapperspb.StringValue{Value: name}
	if err := channel.Invoke(ctx, unaryMethod, request, &reply, grpc.StaticMethod()); err != nil {
		return err
	}
	record(times, start)
	return compare(&reply, name)
}

// stream makes one call that sends messages and gets each back. work.InFlight bounds the number of
// messages on their way.
func stream(channel *grpc.ClientConn, work workload, count int, times *[]int64) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	description := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	call, err := channel.NewStream(ctx, description, streamMethod, grpc.StaticMethod())
	if err != nil {
		return err
	}
	// What is on its way, in the order of sending.
	type message struct {
		name  string
		start time.Time
	}
	var sent []message
	receive := func() error {
		var reply wrapperspb.StringValue
		if err := call.RecvMsg(&reply); err != nil {
			return err
		}
		first := sent[0]
		sent = sent[1:]
		record(times, first.start)
		return compare(&reply, first.name)
	}
	for number := range count {
		if len(sent) == max(work.InFlight, 1) {
			if err := receive(); err != nil {
				return fmt.Errorf("before message %d: %w", number, err)
			}
		}
		name := text(0, number, work.Bytes)
		sent = append(sent, message{name, now(times)})
		if err := call.SendMsg(&wrapperspb.StringValue{Value: name}); err != nil {
			return fmt.Errorf("message %d: %w", number, err)
		}
	}
	if err := call.CloseSend(); err != nil {
		return err
	}
	for len(sent) > 0 {
		if err := receive(); err != nil {
			return fmt.Errorf("%d messages before the end: %w", len(sent), err)
		}
	}
	return ended(call)
}

// ended waits for the status of a stream that has had all its replies.
func ended(call grpc.ClientStream) error {
	err := call.RecvMsg(&wrapperspb.StringValue{})
	if err == nil {
		return errors.New("more replies than messages")
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func compare(reply *wrapperspb.StringValue, name string) error {
	if reply.Value != name {
		return fmt.Errorf("the reply is not that of %s", name[:min(len(name), 14)])
	}
	return nil
}

// now reads the clock if times are measured.
func now(times *[]int64) time.Time {
	if times == nil {
		return time.Time{}
	}
	return time.Now()
}

// record adds the time since start, if times are measured.
func record(times *[]int64, start time.Time) {
	if times != nil {
		*times = append(*times, time.Since(start).Nanoseconds())
	}
}
