package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	spb "google.golang.org/genproto/googleapis/rpc/status"
)

var kinds = []string{"Unary", "ServerStream", "ClientStream", "Bidi"}

// servePod runs a grpc-go pod that clients can ask for its schema. It takes protobuf and nothing else.
func servePod() error {
	if err := registerFile(); err != nil {
		return err
	}
	server := grpc.NewServer()
	desc := &grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil), Metadata: "fairlead/test/v1/echo.proto"}
	for _, kind := range kinds {
		desc.Streams = append(desc.Streams, grpc.StreamDesc{
			StreamName:    kind,
			Handler:       func(_ any, stream grpc.ServerStream) error { return serve(kind, stream) },
			ClientStreams: kind == "ClientStream" || kind == "Bidi",
			ServerStreams: kind == "ServerStream" || kind == "Bidi",
		})
	}
	server.RegisterService(desc, struct{}{})
	reflection.Register(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	say(map[string]any{"event": "listening", "host": "127.0.0.1", "port": listener.Addr().(*net.TCPAddr).Port})
	return server.Serve(listener)
}

func say(report map[string]any) {
	line, _ := json.Marshal(report)
	fmt.Println(string(line))
}

// serve does what the call wishes: the table in test/e2e/support/echo.ts.
func serve(kind string, stream grpc.ServerStream) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	say(map[string]any{"event": "call", "kind": kind})
	echoed := func(prefix string) metadata.MD {
		result := metadata.MD{}
		for key, values := range md {
			if strings.HasPrefix(key, prefix) {
				result[key] = values
			}
		}
		return result
	}
	wish := func(key string) string { return strings.Join(md[key][:min(1, len(md[key]))], "") }
	stream.SetHeader(echoed("x-echo-"))
	stream.SetTrailer(echoed("x-trail-"))

	total := 0
	last := new(wrapperspb.BytesValue)
	for {
		request := new(wrapperspb.BytesValue)
		err := stream.RecvMsg(request)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		last = request
		total += proto.Size(request)
		if kind == "Bidi" {
			if err := stream.SendMsg(request); err != nil {
				return err
			}
		}
	}
	if kind == "ServerStream" {
		times, err := strconv.Atoi(wish("x-answers"))
		if err != nil {
			times = 1
		}
		for range times {
			if err := stream.SendMsg(last); err != nil {
				return err
			}
		}
	}
	if wish("x-hang") != "" {
		<-stream.Context().Done()
		say(map[string]any{"event": "end", "kind": kind, "how": "cancelled"})
		return stream.Context().Err()
	}
	if code, err := strconv.Atoi(wish("x-fail")); err == nil {
		made := &spb.Status{Code: int32(code), Message: wish("x-fail-message-bin")}
		if details := wish("x-fail-details-bin"); details != "" {
			if err := proto.Unmarshal([]byte(details), made); err != nil {
				return status.Error(codes.Internal, err.Error())
			}
			made.Code, made.Message = int32(code), wish("x-fail-message-bin")
		}
		return status.ErrorProto(made)
	}
	switch kind {
	case "Unary":
		return stream.SendMsg(last)
	case "ClientStream":
		return stream.SendMsg(&wrapperspb.BytesValue{Value: []byte(strconv.Itoa(total))})
	}
	return nil
}

// registerFile makes the schema at run time: neither side needs generated code.
func registerFile() error {
	file := &descriptorpb.FileDescriptorProto{
		Name:       proto.String("fairlead/test/v1/echo.proto"),
		Package:    proto.String("fairlead.test.v1"),
		Syntax:     proto.String("proto3"),
		Dependency: []string{"google/protobuf/wrappers.proto"},
		Service:    []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Echo")}},
	}
	for _, kind := range kinds {
		file.Service[0].Method = append(file.Service[0].Method, &descriptorpb.MethodDescriptorProto{
			Name:            proto.String(kind),
			InputType:       proto.String(".google.protobuf.BytesValue"),
			OutputType:      proto.String(".google.protobuf.BytesValue"),
			ClientStreaming: proto.Bool(kind == "ClientStream" || kind == "Bidi"),
			ServerStreaming: proto.Bool(kind == "ServerStream" || kind == "Bidi"),
		})
	}
	made, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		return err
	}
	return protoregistry.GlobalFiles.RegisterFile(made)
}
