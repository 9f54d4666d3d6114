// A pod on connect-go that mirrors messages (kinds.v1.Mirror), whatever schema it is given: connect-go's own JSON is what ours is
// compared with.
//
//	mirror DESCRIPTORS   listens on a free port of 127.0.0.1, prints it, and ends with its standard input
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	// Known to Any, as in every program that uses them.
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type message = dynamicpb.Message

func run(descriptors string) error {
	files, err := load(descriptors)
	if err != nil {
		return err
	}
	found, err := files.FindDescriptorByName("kinds.v1.Mirror")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	methods := found.(protoreflect.ServiceDescriptor).Methods()
	handle(mux, methods.ByName("Same"), same)
	handle(mux, methods.ByName("Read"), read)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols}
	go func() { _ = server.Serve(listener) }()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func load(path string) (*protoregistry.Files, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(bytes, set); err != nil {
		return nil, err
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	// So that an Any may hold them. The well-known types are registered already.
	files.RangeFilesByPackage("kinds.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			if err = protoregistry.GlobalTypes.RegisterMessage(dynamicpb.NewMessageType(file.Messages().Get(i))); err != nil {
				return false
			}
		}
		return true
	})
	return files, err
}

type unary func(context.Context, protoreflect.MethodDescriptor, *connect.Request[message]) (*connect.Response[message], error)

func handle(mux *http.ServeMux, method protoreflect.MethodDescriptor, answer unary) {
	procedure := fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
	handler := connect.NewUnaryHandler(
		procedure,
		func(ctx context.Context, request *connect.Request[message]) (*connect.Response[message], error) {
			return answer(ctx, method, request)
		},
		connect.WithSchema(method),
		connect.WithRequestInitializer(func(_ connect.Spec, request any) error {
			if request, ok := request.(*message); ok {
				*request = *dynamicpb.NewMessage(method.Input())
			}
			return nil
		}),
	)
	mux.Handle(procedure, handler)
}

func same(_ context.Context, _ protoreflect.MethodDescriptor, request *connect.Request[message]) (*connect.Response[message], error) {
	got, err := proto.MarshalOptions{Deterministic: true}.Marshal(request.Msg)
	if err != nil {
		return nil, err
	}
	response := connect.NewResponse(request.Msg)
	response.Header().Set("got-bin", connect.EncodeBinaryHeader(got))
	return response, nil
}

func read(_ context.Context, method protoreflect.MethodDescriptor, request *connect.Request[message]) (*connect.Response[message], error) {
	raw := request.Msg.Get(method.Input().Fields().ByName("raw")).Bytes()
	made := dynamicpb.NewMessage(method.Output())
	if err := proto.Unmarshal(raw, made); err != nil {
		return nil, connect.NewError(connect.CodeDataLoss, err)
	}
	return connect.NewResponse(made), nil
}
