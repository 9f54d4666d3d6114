package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type bytesValue = wrapperspb.BytesValue

type connectCaller struct {
	http    *http.Transport
	base    string
	options []connect.ClientOption
	get     bool
}

func newConnectCaller(address string, opts options) (caller, error) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(opts.HTTP1)
	// Prior knowledge, RFC 9113 3.3.
	protocols.SetUnencryptedHTTP2(!opts.HTTP1 && opts.CA == "")
	protocols.SetHTTP2(!opts.HTTP1 && opts.CA != "")
	secure, err := opts.tls()
	if err != nil {
		return nil, err
	}
	made := &connectCaller{
		http: &http.Transport{Protocols: protocols, TLSClientConfig: secure},
		base: "http://" + address,
		get:  opts.Get,
	}
	if secure != nil {
		made.base = "https://" + address
	}
	switch opts.Protocol {
	case "connect":
	case "grpc":
		made.options = append(made.options, connect.WithGRPC())
	case "grpc-web":
		made.options = append(made.options, connect.WithGRPCWeb())
	default:
		return nil, fmt.Errorf("unknown protocol %q", opts.Protocol)
	}
	if opts.JSON {
		made.options = append(made.options, connect.WithProtoJSON())
	}
	if opts.Get {
		made.options = append(made.options, connect.WithHTTPGet(), connect.WithIdempotency(connect.IdempotencyNoSideEffects))
		// What does not fit into a URL is sent by POST, as a page or an app would do it.
		made.options = append(made.options, connect.WithHTTPGetMaxURLSize(8000, true))
	}
	return made, nil
}

func (c *connectCaller) close() { c.http.CloseIdleConnections() }

func (c *connectCaller) observe(call callCase) observation {
	ctx, cancel := call.context()
	defer cancel()
	more := c.options
	if call.Compress {
		more = append(more[:len(more):len(more)], connect.WithSendGzip())
	}
	client := connect.NewClient[bytesValue, bytesValue](&http.Client{Transport: c.http}, c.base+call.path(), more...)
	answers := []string{}
	took := func(answer *bytesValue) {
		answers = append(answers, summary(answer))
		if len(answers) == call.CancelAfter {
			cancel()
		}
	}
	header, trailer, err := c.make(ctx, client, call, took)
	seen := observation{Headers: write(header, false), Trailers: write(trailer, false), Answers: answers}
	if err == nil {
		return seen
	}
	seen.Code, seen.Message = int(connect.CodeOf(err)), err.Error()
	var made *connect.Error
	if errors.As(err, &made) {
		seen.Message = made.Message()
		// Errors carry headers and trailers together: they count as trailers.
		seen.Headers, seen.Trailers = [][2]string{}, write(made.Meta(), false)
		for _, detail := range made.Details() {
			seen.Details = append(seen.Details, [2]string{detail.Type(), base64.StdEncoding.EncodeToString(detail.Bytes())})
		}
	}
	return seen
}

func (c *connectCaller) make(
	ctx context.Context,
	client *connect.Client[bytesValue, bytesValue],
	call callCase,
	took func(*bytesValue),
) (http.Header, http.Header, error) {
	switch call.Kind {
	case "ServerStream":
		request := connect.NewRequest(call.first())
		call.addTo(request.Header())
		stream, err := client.CallServerStream(ctx, request)
		if err != nil {
			return nil, nil, err
		}
		defer stream.Close()
		for stream.Receive() {
			took(stream.Msg())
		}
		return stream.ResponseHeader(), stream.ResponseTrailer(), stream.Err()
	case "ClientStream":
		stream := client.CallClientStream(ctx)
		call.addTo(stream.RequestHeader())
		for _, size := range call.Sends {
			// An error is told by CloseAndReceive.
			if stream.Send(message(size)) != nil {
				break
			}
		}
		response, err := stream.CloseAndReceive()
		if err != nil {
			return nil, nil, err
		}
		took(response.Msg)
		return response.Header(), response.Trailer(), nil
	case "Bidi":
		return c.bidi(client.CallBidiStream(ctx), call, took)
	default:
		request := connect.NewRequest(call.first())
		call.addTo(request.Header())
		response, err := client.CallUnary(ctx, request)
		if err != nil {
			return nil, nil, err
		}
		took(response.Msg)
		return response.Header(), response.Trailer(), nil
	}
}

func (c *connectCaller) bidi(
	stream *connect.BidiStreamForClient[bytesValue, bytesValue],
	call callCase,
	took func(*bytesValue),
) (http.Header, http.Header, error) {
	call.addTo(stream.RequestHeader())
	// connect-go sends the head with the first message, or with nil.
	if len(call.Sends) == 0 {
		stream.Send(nil)
	}
	receive := func() error {
		answer, err := stream.Receive()
		if err == nil {
			took(answer)
		}
		return err
	}
	var ended error
	if call.PingPong {
		for _, size := range call.Sends {
			if ended = stream.Send(message(size)); ended != nil {
				break
			}
			if ended = receive(); ended != nil {
				break
			}
		}
		stream.CloseRequest()
	} else {
		go func() {
			for _, size := range call.Sends {
				if stream.Send(message(size)) != nil {
					break
				}
			}
			stream.CloseRequest()
		}()
	}
	// An error of a send says only that the stream is over: the reason is told by Receive.
	for ended == nil || errors.Is(ended, io.EOF) {
		if ended = receive(); errors.Is(ended, io.EOF) {
			break
		}
	}
	defer stream.CloseResponse()
	if errors.Is(ended, io.EOF) {
		ended = nil
	}
	return stream.ResponseHeader(), stream.ResponseTrailer(), ended
}

func (c callCase) addTo(header http.Header) {
	for _, entry := range c.Metadata {
		header.Add(entry[0], entry[1])
	}
}
