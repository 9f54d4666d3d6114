//! A client of the Echo service (test/e2e/support/echo.ts) on tonic. It makes the calls that it reads from its input as JSON, and
//! prints what it saw of each: test/e2e/support/call.ts. Messages stay bytes.

mod bytes_codec;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use bytes_codec::BytesCodec;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{Ascii, Binary, KeyAndValueRef, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

const SERVICE: &str = "fairlead.test.v1.Echo";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    kind: String,
    sends: Vec<usize>,
    #[serde(default)]
    metadata: Vec<(String, String)>,
    #[serde(default)]
    ping_pong: bool,
    deadline: Option<u64>,
    cancel_after: Option<usize>,
    #[serde(default)]
    compress: bool,
}

type Entries = Vec<(String, String)>;

#[derive(Default, Serialize)]
struct Observation {
    code: i32,
    message: String,
    headers: Entries,
    trailers: Entries,
    answers: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("no address")?;
    let calls: Vec<Call> = serde_json::from_reader(std::io::stdin())?;
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let mut seen = Vec::new();
    for call in &calls {
        seen.push(observe(channel.clone(), call).await);
    }
    println!("{}", serde_json::to_string(&seen)?);
    Ok(())
}

async fn observe(channel: Channel, call: &Call) -> Observation {
    let mut seen = Observation::default();
    if let Err(status) = make(channel, call, &mut seen).await {
        seen.code = status.code() as i32;
        seen.message = status.message().to_owned();
        seen.trailers = write(status.metadata());
        if !status.details().is_empty() {
            let details = STANDARD.encode(status.details());
            seen.trailers.push(("grpc-status-details-bin".to_owned(), details));
        }
    }
    seen
}

async fn make(channel: Channel, call: &Call, seen: &mut Observation) -> Result<(), Status> {
    let mut client = Grpc::new(channel)
        .max_decoding_message_size(usize::MAX)
        .accept_compressed(CompressionEncoding::Gzip);
    if call.compress {
        client = client.send_compressed(CompressionEncoding::Gzip);
    }
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path: http::uri::PathAndQuery = format!("/{SERVICE}/{}", call.kind).parse().unwrap();
    let (sender, receiver) = mpsc::channel::<Bytes>(call.sends.len().max(1));
    let mut waiting = call.sends.iter().map(|size| message(*size));
    let many = call.kind == "ClientStream" || call.kind == "Bidi";
    if call.ping_pong {
        if let Some(first) = waiting.next() {
            let _ = sender.send(first).await;
        }
    } else {
        for message in waiting.by_ref() {
            let _ = sender.send(message).await;
        }
    }
    // The half-close comes when the last sender is gone.
    let mut sender = call.ping_pong.then_some(sender);
    let one = call.sends.first().map_or_else(Bytes::new, |size| message(*size));
    let requests = ReceiverStream::new(receiver);

    // Of a single answer tonic puts headers and trailers into one map.
    if call.kind == "ClientStream" {
        let response = client.client_streaming(request(call, requests), path, BytesCodec).await?;
        seen.headers = write(response.metadata());
        seen.answers.push(summary(response.get_ref()));
        return Ok(());
    }
    if !many && call.kind != "ServerStream" {
        let response = client.unary(request(call, one), path, BytesCodec).await?;
        seen.headers = write(response.metadata());
        seen.answers.push(summary(response.get_ref()));
        return Ok(());
    }
    let response = if many {
        client.streaming(request(call, requests), path, BytesCodec).await?
    } else {
        client.server_streaming(request(call, one), path, BytesCodec).await?
    };
    seen.headers = write(response.metadata());
    let mut stream: Streaming<Bytes> = response.into_inner();
    while let Some(answer) = stream.message().await? {
        seen.answers.push(summary(&answer));
        if call.cancel_after == Some(seen.answers.len()) {
            // Dropping the stream is how a call of tonic is cancelled; it has no status then.
            drop(stream);
            // The connection's task must run for the reset to be sent.
            tokio::task::yield_now().await;
            return Err(Status::cancelled(""));
        }
        if call.ping_pong {
            match waiting.next() {
                Some(next) => {
                    if let Some(sender) = &sender {
                        let _ = sender.send(next).await;
                    }
                }
                None => sender = None,
            }
        }
    }
    seen.trailers = stream.trailers().await?.map(|trailers| write(&trailers)).unwrap_or_default();
    Ok(())
}

fn request<T>(call: &Call, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(deadline) = call.deadline {
        request.set_timeout(Duration::from_millis(deadline));
    }
    for (name, value) in &call.metadata {
        if name.ends_with("-bin") {
            let key: MetadataKey<Binary> = name.parse().unwrap();
            let bytes = STANDARD.decode(value).unwrap();
            request.metadata_mut().append_bin(key, MetadataValue::from_bytes(&bytes));
        } else {
            let key: MetadataKey<Ascii> = name.parse().unwrap();
            request.metadata_mut().append(key, value.parse().unwrap());
        }
    }
    request
}

fn write(metadata: &MetadataMap) -> Entries {
    let mut entries: Entries = metadata
        .iter()
        .map(|entry| match entry {
            KeyAndValueRef::Ascii(key, value) => (key.to_string(), value.to_str().unwrap_or("?").to_owned()),
            KeyAndValueRef::Binary(key, value) => {
                let bytes = value.to_bytes().unwrap_or_else(|_| Bytes::new());
                (key.to_string(), STANDARD_NO_PAD.encode(bytes))
            }
        })
        .collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries
}

/// A google.protobuf.BytesValue of so many patterned bytes: field 1, length-delimited.
fn message(size: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(size + 6);
    if size > 0 {
        bytes.push(0x0a);
        let mut rest = size;
        while rest > 0x7f {
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes.extend((0..size).map(|i| (i.wrapping_mul(31) + (i >> 8) * 17) as u8));
    }
    bytes.into()
}

fn summary(answer: &Bytes) -> String {
    format!("{}:{:x}", answer.len(), crc32fast::hash(answer))
}
