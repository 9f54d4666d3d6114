package main

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type grpcCaller struct{ conn *grpc.ClientConn }

func newGrpcCaller(address string, opts options) (caller, error) {
	secure, err := opts.tls()
	if err != nil {
		return nil, err
	}
	creds := insecure.NewCredentials()
	if secure != nil {
		creds = credentials.NewTLS(secure)
	}
	conn, err := grpc.NewClient(
		"passthrough:///"+address,
		grpc.WithTransportCredentials(creds),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
	)
	if err != nil {
		return nil, err
	}
	return &grpcCaller{conn}, nil
}

func (g *grpcCaller) close() { g.conn.Close() }

func (g *grpcCaller) observe(call callCase) observation {
	ctx, cancel := call.context()
	defer cancel()
	for _, entry := range call.Metadata {
		value := entry[1]
		if strings.HasSuffix(entry[0], "-bin") {
			bytes, _ := base64.StdEncoding.DecodeString(value)
			value = string(bytes)
		}
		ctx = metadata.AppendToOutgoingContext(ctx, entry[0], value)
	}
	var callOptions []grpc.CallOption
	if call.Compress {
		callOptions = append(callOptions, grpc.UseCompressor(gzip.Name))
	}
	answers := []string{}
	var header, trailer metadata.MD
	took := func(answer *wrapperspb.BytesValue) {
		answers = append(answers, summary(answer))
		if len(answers) == call.CancelAfter {
			cancel()
		}
	}
	err := func() error {
		if call.Kind == "Unary" || call.Kind == "Missing" {
			answer := new(wrapperspb.BytesValue)
			callOptions = append(callOptions, grpc.Header(&header), grpc.Trailer(&trailer))
			if err := g.conn.Invoke(ctx, call.path(), call.first(), answer, callOptions...); err != nil {
				return err
			}
			took(answer)
			return nil
		}
		desc := &grpc.StreamDesc{ClientStreams: call.Kind != "ServerStream", ServerStreams: call.Kind != "ClientStream"}
		stream, err := g.conn.NewStream(ctx, desc, call.path(), callOptions...)
		if err != nil {
			return err
		}
		err = talk(ctx, stream, call, took)
		header, _ = stream.Header()
		trailer = stream.Trailer()
		return err
	}()
	made := status.Convert(err)
	return observation{
		Code:     int(made.Code()),
		Message:  made.Message(),
		Headers:  write(header, true),
		Trailers: write(trailer, true),
		Answers:  answers,
	}
}

// talk sends and receives at once, as streams are meant to be used; ping-pong sends after each answer.
func talk(ctx context.Context, stream grpc.ClientStream, call callCase, took func(*wrapperspb.BytesValue)) error {
	answered := make(chan struct{}, 1)
	go func() {
		sends := call.Sends
		if call.Kind == "ServerStream" {
			sends = sends[:1]
		}
		for index, size := range sends {
			if call.PingPong && index > 0 {
				select {
				case <-answered:
				case <-ctx.Done():
					return
				}
			}
			// An error is told by RecvMsg.
			if stream.SendMsg(message(size)) != nil {
				return
			}
		}
		stream.CloseSend()
	}()
	for {
		answer := new(wrapperspb.BytesValue)
		err := stream.RecvMsg(answer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		took(answer)
		if call.PingPong {
			answered <- struct{}{}
		}
		if call.Kind == "ClientStream" {
			return nil
		}
	}
}
