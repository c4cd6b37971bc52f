package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	// Registers the scheme `xds`, which reads its bootstrap from the environment.
	_ "google.golang.org/grpc/xds"
)

// clientCommand is a command of the client: it makes calls one after the other, and answers with the
// event "called": how many calls each backend answered, how many ended with each code, and one text
// for each code but OK.
type clientCommand struct {
	Command string            `json:"command"`
	Method  string            `json:"method"`
	Count   int               `json:"count"`
	Headers map[string]string `json:"headers"`
	// Seconds that a call may take.
	Timeout float64 `json:"timeout"`
}

func serveClient(args []string) {
	if len(args) != 1 {
		log.Fatal("usage: xds client TARGET")
	}
	channel, err := grpc.NewClient(args[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	emit("ready", map[string]any{"address": "127.0.0.1:0"})
	obey(func(line json.RawMessage) error {
		var command clientCommand
		if err := json.Unmarshal(line, &command); err != nil {
			return err
		}
		if command.Command != "call" {
			return fmt.Errorf("no such command: %q", command.Command)
		}
		call(channel, command)
		return nil
	})
}

func call(channel *grpc.ClientConn, command clientCommand) {
	backends, codes, texts := map[string]int{}, map[string]int{}, map[string]string{}
	for range command.Count {
		ctx, cancel := context.WithTimeout(
			context.Background(), time.Duration(command.Timeout*float64(time.Second)),
		)
		ctx = metadata.NewOutgoingContext(ctx, metadata.New(command.Headers))
		var from peer.Peer
		err := channel.Invoke(
			ctx, command.Method, wrapperspb.String("xds"), new(wrapperspb.StringValue), grpc.Peer(&from),
		)
		cancel()
		if err == nil {
			backends[from.Addr.String()]++
		}
		result := status.Convert(err)
		codes[result.Code().String()]++
		if err != nil {
			texts[result.Code().String()] = result.Message()
		}
	}
	emit("called", map[string]any{"backends": backends, "codes": codes, "texts": texts})
}
